namespace Tessera.Imaging;

/// <summary>Reads image files into memory, telling missing, empty and foreign ones apart before reading much.</summary>
internal static class ImageFileReader
{
    /// <summary>The whole file.</summary>
    /// <exception cref="ImageException">The file is missing, a folder, not readable, or so large that it cannot be a picture.</exception>
    public static byte[] ReadAll(string path)
    {
        if (Directory.Exists(path)) throw new ImageException(path, "This is a folder, not a picture.");
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.CanSeek) RequireImage(stream, path);
            using MemoryStream content = new(stream.CanSeek ? (int)stream.Length : 0);
            stream.CopyTo(content);
            return content.Capacity == content.Length ? content.GetBuffer() : content.ToArray();
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException(path, "There is no such file.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new ImageException(path, $"The file cannot be read ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    // A model file given by mistake is told by its first bytes, without reading gigabytes.
    private static void RequireImage(FileStream stream, string path)
    {
        Span<byte> start = stackalloc byte[ImageFormats.SignatureLength];
        int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        if (length > 0 && ImageFormats.Detect(start[..length]) == ImageFormat.Unknown)
            throw new ImageException(path, $"This is not a picture that can be read; {ImageFormats.Readable} can.");
        if (stream.Length > Array.MaxLength)
            throw new ImageException(path, $"The file has {stream.Length} bytes, too many for a picture.");
    }
}
