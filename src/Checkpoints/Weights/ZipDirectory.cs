using System.Buffers.Binary;
using System.Text;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The entries of a zip archive whose contents are stored as they are, with their places in the file, which .NET's own class does not tell.
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
/// </summary>
internal static class ZipDirectory
{
    private const int MaxEntryCount = 200_000;
    private const int MaxDirectoryByteLength = 64 << 20;

    /// <summary>Where an entry's contents lie.</summary>
    public readonly record struct Entry(long Offset, long ByteLength);

    /// <exception cref="InvalidDataException">The archive is damaged, or an entry is compressed.</exception>
    public static Dictionary<string, Entry> Read(WeightFile file)
    {
        (long start, long length, long count) = FindDirectory(file);
        if (count > MaxEntryCount || length > MaxDirectoryByteLength || start < 0 || length < 0 || start + length > file.ByteLength)
            throw new InvalidDataException("its directory is impossible");
        byte[] directory = new byte[length];
        file.Read(start, directory);
        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        ReadOnlySpan<byte> rest = directory;
        for (long index = 0; index < count; index++)
        {
            if (rest.Length < 46 || !rest.StartsWith("PK\x01\x02"u8))
                throw new InvalidDataException("its directory ends early");
            int nameLength = Short(rest[28..]),
                extraLength = Short(rest[30..]),
                size = 46 + nameLength + extraLength + Short(rest[32..]);
            if (rest.Length < size)
                throw new InvalidDataException("its directory ends early");
            string name = Encoding.UTF8.GetString(rest.Slice(46, nameLength));
            entries.Add(name, Place(file, rest[..size], name, rest.Slice(46 + nameLength, extraLength)));
            rest = rest[size..];
        }

        return entries;
    }

    private static Entry Place(WeightFile file, ReadOnlySpan<byte> record, string name, ReadOnlySpan<byte> extra)
    {
        long packed = Int(record[20..]),
            full = Int(record[24..]),
            header = Int(record[42..]);
        for (; extra.Length >= 4; extra = extra[Math.Min(extra.Length, 4 + Short(extra[2..]))..])
        {
            if (Short(extra) != 1)
                continue;
            (full, packed, header) = Widened(record, extra);
            break;
        }

        if (Short(record[10..]) != 0 || packed != full)
            throw new InvalidDataException($"'{CheckpointFolder.Shown(name)}' is compressed, which torch.save never does");
        if (header < 0 || full < 0 || header > file.ByteLength - 30)
            throw new InvalidDataException("an entry lies outside of the file");
        Span<byte> local = stackalloc byte[30];
        file.Read(header, local);
        if (!local.StartsWith("PK\x03\x04"u8))
            throw new InvalidDataException("an entry is not where the directory says");
        long start = header + 30 + Short(local[26..]) + Short(local[28..]);
        return start <= file.ByteLength - full
            ? new Entry(start, full)
            : throw new InvalidDataException("an entry reaches over the file's end");
    }

    // The wide fields stand in this order, each only where the short one is full.
    private static (long Full, long Packed, long Header) Widened(ReadOnlySpan<byte> record, ReadOnlySpan<byte> extra)
    {
        Span<long> values = [Int(record[24..]), Int(record[20..]), Int(record[42..])];
        ReadOnlySpan<byte> wide = extra[4..Math.Min(extra.Length, 4 + Short(extra[2..]))];
        foreach (ref long value in values)
        {
            if (value != uint.MaxValue || wide.Length < 8)
                continue;
            value = BinaryPrimitives.ReadInt64LittleEndian(wide);
            wide = wide[8..];
        }

        return (values[0], values[1], values[2]);
    }

    private static (long Start, long Length, long Count) FindDirectory(WeightFile file)
    {
        byte[] tail = new byte[Math.Min(file.ByteLength, 22 + ushort.MaxValue + 20)];
        file.Read(file.ByteLength - tail.Length, tail);
        int end = tail.AsSpan().LastIndexOf("PK\x05\x06"u8);
        if (end < 0 || tail.Length - end < 22)
            throw new InvalidDataException("its directory is missing; it was not copied to its end");
        ReadOnlySpan<byte> record = tail.AsSpan(end);
        (long count, long length, long start) = (Short(record[10..]), Int(record[12..]), Int(record[16..]));
        if (count != ushort.MaxValue && start != uint.MaxValue && length != uint.MaxValue)
            return (start, length, count);
        if (end < 20 || !tail.AsSpan(end - 20).StartsWith("PK\x06\x07"u8))
            throw new InvalidDataException("its directory is missing");
        long place = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - 20 + 8));
        if (place < 0 || place > file.ByteLength - 56)
            throw new InvalidDataException("its directory is impossible");
        Span<byte> wide = stackalloc byte[56];
        file.Read(place, wide);
        if (!wide.StartsWith("PK\x06\x06"u8))
            throw new InvalidDataException("its directory is missing");
        return (
            BinaryPrimitives.ReadInt64LittleEndian(wide[48..]),
            BinaryPrimitives.ReadInt64LittleEndian(wide[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(wide[32..])
        );
    }

    private static int Short(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static long Int(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
