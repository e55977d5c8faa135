using System.IO.MemoryMappedFiles;

namespace Tessera.Fuzz.Campaign;

/// <summary>
/// What a child process is doing, in memory that it shares with its parent: so that the parent knows the input of a child that is no more.
/// </summary>
internal sealed class ProgressFile : IDisposable
{
    public const long Nothing = -1;
    private const int MaxInput = 24 << 20;
    private const int HeaderLength = 64;
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;

    public ProgressFile(string path)
    {
        file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, HeaderLength + MaxInput);
        view = file.CreateViewAccessor();
    }

    /// <summary>Number of the input that is being tried, or <see cref="Nothing"/>.</summary>
    public long Index => view.ReadInt64(0);

    public long Accepted => view.ReadInt64(8);

    public long Refused => view.ReadInt64(16);

    public long Undocumented => view.ReadInt64(24);

    /// <summary>Grows with each step of the child, from 0 before the first input.</summary>
    public long Beat => view.ReadInt64(48);

    /// <summary>Set by the parent when the time is over.</summary>
    public bool IsStopped
    {
        get => view.ReadInt64(32) != 0;
        set => view.Write(32, value ? 1L : 0L);
    }

    /// <summary>The input that is being tried.</summary>
    public byte[] Input
    {
        get
        {
            var bytes = new byte[Math.Clamp(view.ReadInt64(40), 0, MaxInput)];
            view.ReadArray(HeaderLength, bytes, 0, bytes.Length);
            return bytes;
        }
    }

    public void Begin(long index, byte[] input)
    {
        view.Write(40, (long)Math.Min(input.Length, MaxInput));
        view.WriteArray(HeaderLength, input, 0, Math.Min(input.Length, MaxInput));
        view.Write(0, index);
        view.Write(48, Beat + 1);
    }

    public void CountAccepted() => view.Write(8, Accepted + 1);

    public void CountRefused() => view.Write(16, Refused + 1);

    public void CountUndocumented() => view.Write(24, Undocumented + 1);

    public void Reset()
    {
        for (int at = 8; at < HeaderLength; at += 8)
            view.Write(at, 0L);
        view.Write(0, Nothing);
    }

    public void Dispose()
    {
        view.Dispose();
        file.Dispose();
    }
}
