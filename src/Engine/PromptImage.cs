using Tessera.Imaging;
using Tessera.Shared;

namespace Tessera;

/// <summary>A picture for a prompt: its bytes as read from a file, the network or elsewhere. It is decoded when it is needed.</summary>
public sealed class PromptImage : PromptMedia
{
    /// <summary>Takes an encoded picture.</summary>
    /// <param name="data">JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF; not to be changed any more.</param>
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
