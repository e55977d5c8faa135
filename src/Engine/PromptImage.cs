using Tessera.Imaging;
using Tessera.Shared;

namespace Tessera;

/// <summary>A picture for a prompt: its bytes as read from a file, the network or elsewhere. It is decoded when it is needed.</summary>
public sealed class PromptImage : PromptMedia
{
    /// <summary>Takes an encoded picture.</summary>
    /// <param name="data">JPEG, PNG, WebP, GIF, TIFF, BMP, PPM or AVIF; not to be changed any more.</param>
    /// <param name="name">What messages call it, such as its path.</param>
    public PromptImage(ReadOnlyMemory<byte> data, string name)
        : base(name)
    {
        Data = data;
        Source = new ImageSource(data, name);
        Frames = [this];
    }

    /// <summary>The encoded picture.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>This picture alone.</summary>
    public override IReadOnlyList<PromptImage> Frames { get; }

    internal ImageSource Source { get; }

    /// <summary>Whether a file is a picture by its first bytes; false if it cannot be read.</summary>
    public static bool IsImageFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            // Each word that is typed may be a file's name: a pipe must not be opened.
            if (!FileKind.HasContents(path))
                return false;
            Span<byte> signature = stackalloc byte[ImageFormats.SignatureLength];
            using FileStream file = File.OpenRead(path);
            return ImageFormats.Detect(signature[..file.ReadAtLeast(signature, signature.Length, throwOnEndOfStream: false)])
                is not (ImageFormat.Unknown or ImageFormat.Pdf);
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
            ImageFormat.Unknown or ImageFormat.Pdf => null,
            ImageFormat.Ppm => "image/x-portable-anymap",
            ImageFormat.Jpeg2000 => "image/jp2",
            ImageFormat format => $"image/{format.ToString().ToLowerInvariant()}",
        };

    /// <summary>The most bytes of a file that is read.</summary>
    public const long MaxByteLength = ImageFileReader.MaxByteLength;

    /// <summary>Reads a picture from a stream to its end.</summary>
    /// <param name="stream">The encoded picture.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ImageException">It has more than <see cref="MaxByteLength"/> bytes, or cannot be read.</exception>
    public static async Task<PromptImage> FromStreamAsync(Stream stream, string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        try
        {
            return new PromptImage(await ImageFileReader.ReadAsync(stream, name, cancellationToken).ConfigureAwait(false), name);
        }
        catch (IOException failure)
        {
            throw new ImageException(name, $"it cannot be read ({failure.Message}).", failure);
        }
    }

    /// <summary>Reads a picture from an address.</summary>
    /// <param name="uri">An http(s), file or data address.</param>
    /// <param name="client">Fetches http(s); its handler says what redirects and networks are allowed.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ImageException">The address does not answer with a picture, or is of another kind.</exception>
    public static Task<PromptImage> FromUriAsync(Uri uri, HttpClient client, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(client);
        if (!uri.IsAbsoluteUri)
            throw new ImageException(uri.OriginalString, "it is no whole address.");
        return uri.Scheme switch
        {
            "http" or "https" => FetchAsync(uri, client, cancellationToken),
            "file" => FromFileAsync(uri.LocalPath, cancellationToken),
            "data" => Task.FromResult(FromData(uri)),
            _ => throw new ImageException(uri.Scheme, "pictures have addresses that begin with http, https, file or data."),
        };
    }

    /// <summary>Reads a picture's file; what is no picture is told by its first bytes.</summary>
    /// <exception cref="ImageException">The file cannot be read, is no picture, or has more than <see cref="MaxByteLength"/>
    /// bytes.</exception>
    public static async Task<PromptImage> FromFileAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
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

    private static async Task<PromptImage> FetchAsync(Uri uri, HttpClient client, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage answer = await client
                .GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                throw new ImageException(uri.AbsoluteUri, $"the server answered {(int)answer.StatusCode}.");
            if (answer.Content.Headers.ContentLength > MaxByteLength)
                throw new ImageException(uri.AbsoluteUri, $"it has more than {MaxByteLength / 1_000_000} MB: make it smaller first.");
            Stream content = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
                return await FromStreamAsync(content, uri.AbsoluteUri, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException failure)
        {
            throw new ImageException(uri.AbsoluteUri, $"it cannot be fetched ({failure.Message.TrimEnd('.')}).", failure);
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageException(uri.AbsoluteUri, "the server takes too long.", failure);
        }
    }

    private static PromptImage FromData(Uri uri)
    {
        const string Encoding = ";base64,";
        string text = uri.OriginalString;
        int at = text.IndexOf(Encoding, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            throw new ImageException("data address", "its bytes must be in base64.");
        try
        {
            return new PromptImage(Convert.FromBase64String(text[(at + Encoding.Length)..]), "data address");
        }
        catch (FormatException failure)
        {
            throw new ImageException("data address", "its bytes are no base64.", failure);
        }
    }
}
