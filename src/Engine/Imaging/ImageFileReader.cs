namespace Tessera.Imaging;

/// <summary>Reads image files into memory, telling missing, foreign and huge ones apart before reading much.</summary>
internal static class ImageFileReader
{
    /// <summary>The most bytes of a file that is read: an uncompressed picture of 100 megapixels has fewer.</summary>
    public const long MaxByteLength = 512_000_000;

    /// <summary>The whole file.</summary>
    /// <exception cref="ImageException">It is no picture by its first bytes, or has more than <see cref="MaxByteLength"/>
    /// bytes.</exception>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        byte[] start = new byte[ImageFormats.SignatureLength];
        int startLength = await stream
            .ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken)
            .ConfigureAwait(false);
        // A model's file given by mistake is told by its first bytes, without reading gigabytes.
        if (startLength > 0)
            ImageFormats.Require(start.AsSpan(0, startLength), path);
        if (stream.Length > MaxByteLength)
            throw new ImageException(path, $"it has more than {MaxByteLength / 1_000_000} MB: make it smaller first.");
        byte[] content = new byte[stream.Length];
        stream.Position = 0;
        int length = await stream
            .ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellationToken)
            .ConfigureAwait(false);
        // One that is being cut short meanwhile is damaged, as its decoder will say.
        return length < content.Length ? content[..length] : content;
    }

    /// <summary>A stream to its end.</summary>
    /// <exception cref="ImageException">It is no picture by its first bytes, or has more than <see cref="MaxByteLength"/>
    /// bytes.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<byte[]> ReadAsync(Stream stream, string name, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        int length;
        while ((length = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            bool isShort = content.Length < ImageFormats.SignatureLength;
            content.Write(buffer, 0, length);
            if (isShort && content.Length >= ImageFormats.SignatureLength)
                ImageFormats.Require(content.GetBuffer().AsSpan(0, (int)content.Length), name);
            if (content.Length > MaxByteLength)
                throw new ImageException(name, $"it has more than {MaxByteLength / 1_000_000} MB: make it smaller first.");
        }

        return content.ToArray();
    }
}
