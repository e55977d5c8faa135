using System.Diagnostics.CodeAnalysis;

namespace Tessera.Gguf;

/// <summary>
/// An open GGUF file, version 2 or 3, little endian. The header is read and checked when the file is opened; tensor data is read, or
/// mapped into memory when it is first asked for in place. Safe for concurrent reading.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly Dictionary<string, GgufTensor> tensorsByName;
    private readonly FileStream stream;
    private readonly Lock gate = new();
    private IReadOnlyList<GgufFile> further = [];
    private FileMapping? mapping;
    private bool isDisposed;

    private GgufFile(string path, long fileLength, GgufHeader header, FileStream stream)
    {
        Path = path;
        FileLength = fileLength;
        Version = header.Version;
        Alignment = header.Alignment;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        tensorsByName = header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        this.stream = stream;
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>The version of the format, 2 or 3.</summary>
    public uint Version { get; }

    /// <summary>The alignment of tensor data in bytes, a power of two.</summary>
    public int Alignment { get; }

    /// <summary>The length of the whole file in bytes.</summary>
    public long FileLength { get; }

    /// <summary>The metadata, in the order of the file.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors, in the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Opens a file and checks everything it says about itself against its length.</summary>
    /// <exception cref="ModelFileException">The file cannot be opened, is no GGUF file, or is damaged; the message names the
    /// key or the tensor at fault.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        FileStream stream = RegularFile.OpenRead(path);
        try
        {
            RequireGguf(stream, path);
            long fileLength = stream.Length;
            GgufHeader header = GgufHeader.Read(stream, fileLength, path);
            return new GgufFile(path, fileLength, header, stream);
        }
        catch (Exception exception)
        {
            stream.Dispose();
            if (exception is IOException or UnauthorizedAccessException)
                throw new ModelFileException(path, $"the file cannot be read: {exception.Message}", exception);
            throw;
        }
    }

    /// <summary>Finds a tensor by name; that of the first file of a model that is split finds those of all its files.</summary>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (tensorsByName.TryGetValue(name, out tensor))
            return true;
        foreach (GgufFile part in further)
            if (part.tensorsByName.TryGetValue(name, out tensor))
                return true;
        return false;
    }

    /// <summary>This file, and the further ones of a model that is split.</summary>
    internal IReadOnlyList<GgufFile> Whole => [this, .. further];

    /// <summary>Makes the further files' tensors those of this one, the first.</summary>
    internal void ContinueIn(IReadOnlyList<GgufFile> files) => further = files;

    /// <summary>
    /// Gives bytes of a tensor's data without copying them. They are valid until the file is disposed; on Unix, who touches them when the
    /// file has become shorter ends the process.
    /// </summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="offset">The first byte, counted from the beginning of the tensor.</param>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="ArgumentException">The tensor belongs to another file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bytes are not all inside the tensor.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public ReadOnlySpan<byte> GetTensorData(GgufTensor tensor, long offset, int length)
    {
        GgufFile owner = OwnerOf(tensor);
        owner.CheckRange(tensor, offset, length);
        return owner.Map().GetBytes(tensor.DataOffset + offset, length);
    }

    /// <summary>Length and time of change of the open file, wherever it has been moved since.</summary>
    internal FileState State => new(RandomAccess.GetLength(stream.SafeFileHandle), File.GetLastWriteTimeUtc(stream.SafeFileHandle));

    /// <summary>Copies bytes of a tensor's data; unlike <see cref="GetTensorData"/> it leaves no part of the file in this process's
    /// memory.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="offset">The first byte, counted from the beginning of the tensor.</param>
    /// <param name="destination">Filled to its end.</param>
    /// <exception cref="ModelFileException">The file cannot be read any more.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    internal void ReadTensorData(GgufTensor tensor, long offset, Span<byte> destination)
    {
        GgufFile owner = OwnerOf(tensor);
        owner.CheckRange(tensor, offset, destination.Length);
        owner.ReadBytes(tensor.DataOffset + offset, destination);
    }

    /// <summary>Copies bytes of the file.</summary>
    /// <exception cref="ModelFileException">The file cannot be read any more.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    internal void ReadBytes(long offset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        try
        {
            while (destination.Length > 0)
            {
                int count = RandomAccess.Read(stream.SafeFileHandle, destination, offset);
                if (count == 0)
                    throw new EndOfStreamException("it has become shorter while it was read.");
                offset += count;
                destination = destination[count..];
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(Path, $"the file cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Unmaps the data; spans of it must no longer be used.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            mapping?.Dispose();
            stream.Dispose();
        }
    }

    private FileMapping Map()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            return mapping ??= FileMapping.Create(stream);
        }
    }

    private GgufFile OwnerOf(GgufTensor tensor)
    {
        foreach (GgufFile part in further)
            if (tensor is not null && part.tensorsByName.TryGetValue(tensor.Name, out GgufTensor? own) && own == tensor)
                return part;
        return this;
    }

    private void CheckRange(GgufTensor tensor, long offset, int length)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (!tensorsByName.TryGetValue(tensor.Name, out GgufTensor? own) || own != tensor)
            throw new ArgumentException($"The tensor {tensor.Name} belongs to another file.", nameof(tensor));
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, tensor.ByteLength - length);
    }

    private static void RequireGguf(FileStream stream, string path)
    {
        Span<byte> start = stackalloc byte[FileSignature.ByteLength];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        if (GgufHeader.HasMagic(start))
            return;
        string kind = FileSignature.Identify(start) is { } known ? $"this is {known}, not a GGUF file" : "this is not a GGUF file";
        throw new ModelFileException(path, kind + ".");
    }
}

/// <summary>By what a change of an open file is noticed.</summary>
internal readonly record struct FileState(long Length, DateTime Written);
