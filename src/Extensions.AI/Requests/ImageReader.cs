using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>Reads pictures from contents, and holds that they are of the type that they say.</summary>
internal static class ImageReader
{
    // Media types that name what another one does.
    private static readonly Dictionary<string, string> Aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        ["image/jpg"] = "image/jpeg",
        ["image/pjpeg"] = "image/jpeg",
        ["image/x-png"] = "image/png",
        ["image/x-ms-bmp"] = "image/bmp",
        ["image/x-bmp"] = "image/bmp",
        ["image/tif"] = "image/tiff",
        ["image/heif"] = "image/heic",
        ["image/avif-sequence"] = "image/avif",
    };

    /// <summary>The picture in a content.</summary>
    /// <param name="content">The content.</param>
    /// <param name="name">What messages call the picture.</param>
    /// <exception cref="ImageException">It is no picture, or another than it says.</exception>
    public static PromptImage Read(DataContent content, string name)
    {
        if (!content.HasTopLevelMediaType("image"))
            throw new ImageException(name, $"it is {content.MediaType}, but the model takes only text and pictures.");
        return Checked(new PromptImage(content.Data, name), content.MediaType);
    }

    /// <summary>The picture that an address leads to, if it is in the address itself or in a file.</summary>
    /// <param name="content">The content.</param>
    /// <param name="name">What messages call the picture.</param>
    /// <param name="allowFiles">Whether files are read.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ImageException">It is no picture, another than it says, or somewhere else.</exception>
    public static async Task<PromptImage> ReadAsync(UriContent content, string name, bool allowFiles, CancellationToken cancellationToken)
    {
        if (!content.HasTopLevelMediaType("image"))
            throw new ImageException(name, $"it is {content.MediaType}, but the model takes only text and pictures.");
        Uri uri = content.Uri;
        if (!uri.IsAbsoluteUri)
            throw new ImageException(name, "its address is relative: give a data: URI, or the bytes as DataContent.");
        switch (uri.Scheme)
        {
            case "data":
                DataContent data = Decode(uri, name);
                if (Normal(data.MediaType) != Normal(content.MediaType) && !content.MediaType.EndsWith('*'))
                    throw new ImageException(name, $"it is declared as {content.MediaType}, but its data URI says {data.MediaType}.");
                return Read(data, name);
            case "file" when !allowFiles:
                throw new ImageException(
                    name,
                    $"its address is a file's, which is not read unless {nameof(TesseraOptions.AllowFileUris)} is set: give the bytes as "
                        + "DataContent."
                );
            case "file" when !uri.IsUnc:
                PromptImage file = await PromptImage.FromFileAsync(uri.LocalPath, cancellationToken).ConfigureAwait(false);
                return Checked(new PromptImage(file.Data, name), content.MediaType);
            case "http" or "https":
                throw new ImageException(
                    name,
                    "it is on the network, where Tessera loads nothing from: download it first, and give its bytes as DataContent."
                );
            default:
                throw new ImageException(name, $"its address has the scheme {uri.Scheme}: give a data: URI, or the bytes as DataContent.");
        }
    }

    private static DataContent Decode(Uri uri, string name)
    {
        try
        {
            var data = new DataContent(uri.OriginalString);
            return data.Data.IsEmpty ? throw new ImageException(name, "its data URI is empty.") : data;
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException)
        {
            throw new ImageException(name, "its data URI cannot be read.", failure);
        }
    }

    private static PromptImage Checked(PromptImage image, string declared)
    {
        if (image.MediaType is not string found)
            throw new ImageException(image.Name, $"it is declared as {declared}, but its bytes are no picture that can be read.");
        bool isAny = declared.EndsWith("/*", StringComparison.Ordinal);
        return isAny || Normal(declared) == found
            ? image
            : throw new ImageException(image.Name, $"it is declared as {declared}, but its bytes are {found}.");
    }

    private static string Normal(string mediaType) => Aliases.GetValueOrDefault(mediaType, mediaType).ToLowerInvariant();
}
