namespace Tessera.Gguf;

/// <summary>Everything a GGUF file says before its tensor data, checked against the length of the file.</summary>
internal sealed record GgufHeader(uint Version, int Alignment, GgufMetadata Metadata, IReadOnlyList<GgufTensor> Tensors)
{
    /// <summary>The key under which a file may set its own alignment.</summary>
    public const string AlignmentKey = "general.alignment";

    /// <summary>The alignment of a file that sets none, in bytes.</summary>
    public const int DefaultAlignment = 32;

    private const uint Magic = 0x46554747; // "GGUF"
    private const uint OldestVersion = 2;
    private const uint NewestVersion = 3;

    // Key length, one letter, kind, one byte of value; name length, one letter, dimension count, one length, type, offset.
    private const int SmallestEntryByteLength = 8 + 1 + 4 + 1;
    private const int SmallestTensorByteLength = 8 + 1 + 4 + 8 + 4 + 8;

    /// <summary>Reads a header from the beginning of a stream.</summary>
    /// <exception cref="ModelFileException">The file is no GGUF file of a supported version, or contradicts itself.</exception>
    public static GgufHeader Read(Stream stream, long fileLength, string path)
    {
        var cursor = new GgufCursor(stream, fileLength, path);
        uint version = ReadVersion(cursor);
        int tensorCount = cursor.ReadCount(SmallestTensorByteLength, "tensors");
        int entryCount = cursor.ReadCount(SmallestEntryByteLength, "metadata entries");
        var metadata = new GgufMetadata(path, GgufMetadataReader.Read(cursor, entryCount));
        int alignment = ReadAlignment(metadata, path);
        return new GgufHeader(version, alignment, metadata, GgufTensorTableReader.Read(cursor, tensorCount, alignment, fileLength));
    }

    /// <summary>Whether a file begins as GGUF files do.</summary>
    public static bool HasMagic(ReadOnlySpan<byte> start) => start.StartsWith("GGUF"u8);

    private static uint ReadVersion(GgufCursor cursor)
    {
        if (cursor.Read<uint>() != Magic)
            throw cursor.Fail("does not begin with GGUF");
        uint version = cursor.Read<uint>();
        if (version is >= OldestVersion and <= NewestVersion)
            return version;
        // A big-endian file has its small version number in the upper bytes.
        if (version != 0 && (version & 0xFFFF) == 0)
            throw cursor.Fail("is big-endian; convert the model again for little-endian machines");
        string advice = version > NewestVersion ? "a newer Tessera may read it" : "convert the model again";
        throw cursor.Fail($"is of GGUF version {version}, and versions {OldestVersion} and {NewestVersion} are supported; {advice}");
    }

    private static int ReadAlignment(GgufMetadata metadata, string path)
    {
        if (!metadata.TryGetUInt32(AlignmentKey, out uint alignment))
            return DefaultAlignment;
        return IsAlignment(alignment)
            ? (int)alignment
            : throw new ModelFileException(path, $"the metadata key '{AlignmentKey}' is {alignment}, not a power of two below 2 GiB.");
    }

    /// <summary>Whether a number can be an alignment.</summary>
    internal static bool IsAlignment(long alignment) => alignment is > 0 and <= int.MaxValue && long.IsPow2(alignment);

    /// <summary>The first multiple of the alignment that is not below the position.</summary>
    internal static long Align(long position, int alignment) => (position + alignment - 1) & -(long)alignment;
}
