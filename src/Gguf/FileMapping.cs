using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Tessera.Gguf;

/// <summary>A whole file, mapped read-only into memory. Owns the stream it was made from.</summary>
internal sealed unsafe class FileMapping : IDisposable
{
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly SafeFileHandle handle;
    private readonly long byteLength;
    private byte* start;

    private FileMapping(MemoryMappedFile file, MemoryMappedViewAccessor view, SafeFileHandle handle, long byteLength)
    {
        this.file = file;
        this.view = view;
        this.handle = handle;
        this.byteLength = byteLength;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
    }

    /// <summary>Maps a file that is not empty.</summary>
    /// <exception cref="IOException">The system cannot map the file.</exception>
    public static FileMapping Create(FileStream stream)
    {
        long byteLength = stream.Length;
        MemoryMappedFile file = MemoryMappedFile.CreateFromFile(
            stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        try
        {
            return new FileMapping(file, file.CreateViewAccessor(0, byteLength, MemoryMappedFileAccess.Read), stream.SafeFileHandle, byteLength);
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

    /// <summary>Copies bytes out of the file without mapping them, so that they do not count as this process's memory.</summary>
    /// <exception cref="ObjectDisposedException">The mapping is gone.</exception>
    /// <exception cref="IOException">The system cannot read them, or the file has become shorter.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        while (destination.Length > 0)
        {
            int count = RandomAccess.Read(handle, destination, offset);
            if (count == 0) throw new EndOfStreamException("it has become shorter while it was read.");
            offset += count;
            destination = destination[count..];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (start is null) return;
        start = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }
}
