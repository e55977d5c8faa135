using Tessera.Imaging;
using Tessera.Shared;

namespace Tessera;

/// <summary>A picture for a prompt: its bytes as read from a file, the network or elsewhere.</summary>
/// <param name="Data">The encoded picture: JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF.</param>
/// <param name="Name">What messages call it, such as its path.</param>
public sealed record PromptImage(ReadOnlyMemory<byte> Data, string Name)
{
    /// <summary>Whether a file is a picture by its first bytes; false if it cannot be read.</summary>
    public static bool IsPictureFile(string path)
    {
        try
        {
            // Each word that is typed may be a file's name: a pipe must not be opened.
            if (!FileKind.HasContents(path))
                return false;
            Span<byte> signature = stackalloc byte[ImageFormats.SignatureLength];
            using FileStream file = File.OpenRead(path);
            return ImageFormats.Detect(signature[..file.ReadAtLeast(signature, signature.Length, throwOnEndOfStream: false)])
                != ImageFormat.Unknown;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The media type that the first bytes announce, such as <c>image/png</c>; null for no picture that can be read.</summary>
    public string? MediaType =>
        ImageFormats.Detect(Data.Span) switch
        {
            ImageFormat.Unknown => null,
            ImageFormat format => $"image/{format.ToString().ToLowerInvariant()}",
        };

    /// <summary>The most bytes of a file that is read.</summary>
    public const long MaxByteLength = ImageFileReader.MaxByteLength;

    /// <summary>Reads a picture's file; what is no picture is told by its first bytes.</summary>
    /// <exception cref="ImageException">The file cannot be read, is no picture, or has more than <see cref="MaxByteLength"/>
    /// bytes.</exception>
    public static async Task<PromptImage> FromFileAsync(string path, CancellationToken cancellationToken = default)
    {
        try
        {
            if (Directory.Exists(path))
                throw new ImageException(path, "it is a folder, not a picture.");
            RequireContents(path);
            return new PromptImage(await ImageFileReader.ReadAsync(path, cancellationToken).ConfigureAwait(false), path);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException(path, "there is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(path, $"it cannot be read ({failure.Message}).", failure);
        }
    }

    // A device has no end, and a pipe may never say anything.
    private static void RequireContents(string path)
    {
        if (File.Exists(path) && !FileKind.HasContents(path))
            throw new ImageException(path, "it is empty, or a pipe or device; only regular files can be read.");
    }
}

/// <summary>A question with its pictures.</summary>
/// <param name="Text">
/// The user's text. A marker <c>&lt;__media__&gt;</c> in it stands for a picture; without one, the pictures come first.
/// </param>
public sealed record Prompt(string Text)
{
    /// <summary>The pictures in order.</summary>
    public IReadOnlyList<PromptImage> Images { get; init; } = [];

    /// <summary>Limits on slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; init; } = PlanRequest.Default;

    /// <summary>The system sentence; null for the model's own.</summary>
    public string? System { get; init; }

    /// <summary>Whether the text is the whole prompt, without any template.</summary>
    public bool IsRaw { get; init; }
}
