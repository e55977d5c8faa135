using System.IO.MemoryMappedFiles;

namespace Tessera.Gguf;

/// <summary>A whole file, mapped read-only into memory.</summary>
internal sealed unsafe class FileMapping : IDisposable
{
    /// <summary>Held while a model's file is unmapped, so that whoever puts something in the place of mapped pages finds them
    /// mapped.</summary>
    internal static readonly Lock Unmapping = new();
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly long byteLength;
    private byte* start;

    private FileMapping(MemoryMappedFile file, MemoryMappedViewAccessor view, long byteLength)
    {
        this.file = file;
        this.view = view;
        this.byteLength = byteLength;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
    }

    /// <summary>Maps a file that is not empty; its stream stays the caller's.</summary>
    /// <exception cref="IOException">The system cannot map the file.</exception>
    public static FileMapping Create(FileStream stream)
    {
        long byteLength = stream.Length;
        MemoryMappedFile file = MemoryMappedFile.CreateFromFile(
            stream,
            mapName: null,
            capacity: 0,
            MemoryMappedFileAccess.Read,
            HandleInheritability.None,
            leaveOpen: true
        );
        try
        {
            return new FileMapping(file, file.CreateViewAccessor(0, byteLength, MemoryMappedFileAccess.Read), byteLength);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Gives bytes of the mapping.</summary>
    /// <exception cref="ObjectDisposedException">The mapping is gone.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bytes are not all inside the file.</exception>
    public ReadOnlySpan<byte> GetBytes(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, byteLength - length);
        return new ReadOnlySpan<byte>(start + offset, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (start is null)
            return;
        start = null;
        lock (Unmapping)
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            file.Dispose();
        }
    }
}
