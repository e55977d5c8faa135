namespace Tessera.Gguf;

/// <summary>Recognises what people pass by mistake where a GGUF file is wanted.</summary>
internal static class FileSignature
{
    /// <summary>The number of first bytes that are enough to tell, where the file has so many.</summary>
    public const int ByteLength = 40;

    /// <summary>Names the kind of a file by its first bytes; null if it is none of the usual mistakes.</summary>
    public static string? Identify(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("version https://git-lfs"u8))
            return "a Git LFS pointer (fetch the file itself with 'git lfs pull')";
        if (start.StartsWith("lmgg"u8) || start.StartsWith("tjgg"u8) || start.StartsWith("fmgg"u8) || start.StartsWith("algg"u8))
            return "a model in a format older than GGUF (convert it again)";
        if (IsSafetensors(start))
            return "a safetensors file (convert it to GGUF first)";
        if (start.StartsWith("PK\x03\x04"u8))
            return "a zip archive or PyTorch checkpoint (convert it to GGUF first)";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]))
            return "a PNG picture";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
            return "a JPEG picture";
        if (start.StartsWith("RIFF"u8) && start.Length >= 12 && start[8..].StartsWith("WEBP"u8))
            return "a WebP picture";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
            return "a gzip archive (unpack it first)";
        if (IsHtml(start))
            return "a web page (the download failed)";
        if (start.IndexOfAnyExcept((byte)0) < 0)
            return "a file of zeros (an unfinished download)";
        return null;
    }

    // Eight bytes of length, less than a gigabyte, then JSON.
    private static bool IsSafetensors(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[8] == (byte)'{' && start[4..8].IndexOfAnyExcept((byte)0) < 0;

    private static bool IsHtml(ReadOnlySpan<byte> start)
    {
        ReadOnlySpan<byte> text = start.TrimStart(" \r\n\t"u8);
        return text.StartsWith("<!DOCTYPE"u8) || text.StartsWith("<!doctype"u8) || text.StartsWith("<html"u8);
    }
}
