using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Tessera.Gguf;

/// <summary>
/// Reads the header of an untrusted file from front to back. Nothing is allocated before it is known that the file still has
/// the bytes for it, and every failure names the file and <see cref="Field"/>. Little endian, as all supported machines are.
/// </summary>
internal sealed class GgufCursor(Stream stream, long fileLength, string path)
{
    /// <summary>The longest header read, in bytes: ten times the largest vocabulary seen, and a bound on memory for sparse files.</summary>
    public const long MaxHeaderByteLength = 128L << 20;

    private readonly long limit = Math.Min(fileLength, MaxHeaderByteLength);
    private byte[] textBuffer = new byte[256];

    /// <summary>What is being read, as the subject of a sentence.</summary>
    public string Field { get; set; } = "the header";

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    private long Remaining => limit - Position;

    /// <summary>Reads one number.</summary>
    public T Read<T>()
        where T : unmanaged
    {
        Require((ulong)Unsafe.SizeOf<T>());
        T value = default;
        Fill(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>Reads that many numbers; the count has been checked by <see cref="ReadCount"/>.</summary>
    public T[] ReadArray<T>(int count)
        where T : unmanaged
    {
        Require((ulong)count * (ulong)Unsafe.SizeOf<T>());
        if (count == 0)
            return [];
        T[] values = GC.AllocateUninitializedArray<T>(count);
        Fill(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Reads a count of items of which each takes at least so many bytes; a count that cannot be true is refused.</summary>
    public int ReadCount(int minimumItemByteLength, string items)
    {
        ulong count = Read<ulong>();
        if (count > (ulong)Remaining / (ulong)minimumItemByteLength)
            throw Fail($"claims {count} {items}, but {RemainingText()}");
        return (int)count;
    }

    /// <summary>Reads a text behind its length.</summary>
    public string ReadText(int maxByteLength = int.MaxValue)
    {
        ulong byteLength = Read<ulong>();
        if (byteLength > (ulong)Remaining)
            throw Fail($"claims a text of {byteLength} bytes, but {RemainingText()}");
        if (byteLength > (ulong)maxByteLength)
            throw Fail($"claims a name of {byteLength} bytes; {maxByteLength} are allowed");
        if (textBuffer.Length < (int)byteLength)
            textBuffer = new byte[Math.Max((int)byteLength, textBuffer.Length * 2)];
        Span<byte> bytes = textBuffer.AsSpan(0, (int)byteLength);
        Fill(bytes);
        try
        {
            return GgufText.StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Fail("holds a text that is not valid UTF-8");
        }
    }

    /// <summary>Makes the failure for what is being read.</summary>
    public ModelFileException Fail(string problem) => new(path, $"{Field} {problem}.");

    private void Require(ulong byteLength)
    {
        if (byteLength > (ulong)Remaining)
            throw Fail($"needs {byteLength} more bytes, but {RemainingText()}");
    }

    private string RemainingText() =>
        fileLength > limit
            ? $"only the first {MaxHeaderByteLength >> 20} MiB of a file may hold its header"
            : $"only {Remaining} remain; the file is damaged or was not copied to its end";

    private void Fill(Span<byte> target)
    {
        stream.ReadExactly(target);
        Position += target.Length;
    }
}
