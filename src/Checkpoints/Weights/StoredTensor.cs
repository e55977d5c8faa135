using System.Collections.Immutable;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Weights;

/// <summary>A tensor as a checkpoint's file holds it: where its bytes lie, one after another, the last dimension the fastest.</summary>
/// <param name="File">The file.</param>
/// <param name="Name">Its name there.</param>
/// <param name="TypeName">The type as the file calls it.</param>
/// <param name="Type">What that is.</param>
/// <param name="Shape">The lengths, the slowest varying dimension first; none for a single number.</param>
/// <param name="Offset">The first byte, from the beginning of the file.</param>
internal sealed record StoredTensor(
    WeightFile File,
    string Name,
    string TypeName,
    ElementType Type,
    ImmutableArray<long> Shape,
    long Offset
)
{
    /// <summary>What its rows are made of where they are quantized; null for plain elements.</summary>
    public GgufTensorType? Blocks { get; init; }

    /// <summary>The product of a shape.</summary>
    public long ElementCount { get; } = Count(Shape);

    /// <summary>The failure of a tensor, which names it and its file.</summary>
    public CheckpointException Fail(string problem) => new(File.Path, $"tensor '{CheckpointFolder.Shown(Name)}' {problem}");

    /// <summary>A product that cannot be beyond what is known to be in a file.</summary>
    public static long Count(ImmutableArray<long> shape)
    {
        long count = 1;
        foreach (long length in shape)
            count = checked(count * length);
        return count;
    }
}

/// <summary>A file with weights, open for reading at any place from several threads.</summary>
internal sealed class WeightFile : IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle handle;

    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    public WeightFile(string path)
    {
        Path = path;
        try
        {
            // A pipe or a device would make reading wait, or never end.
            FileSystemInfo target =
                new FileInfo(path) is var file && file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true)!;
            if (target is not FileInfo { Exists: true, Length: > 0 })
                throw new CheckpointException(path, "the file is missing or empty.");
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            ByteLength = RandomAccess.GetLength(handle);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be opened: {failure.Message}", failure);
        }
    }

    public string Path { get; }

    public string Name => System.IO.Path.GetFileName(Path);

    public long ByteLength { get; }

    /// <summary>Fills the destination with what begins at an offset.</summary>
    /// <exception cref="CheckpointException">The file has become shorter, or cannot be read.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        try
        {
            while (destination.Length > 0)
            {
                int count = RandomAccess.Read(handle, destination, offset);
                if (count == 0)
                    throw new CheckpointException(Path, "the file ended while it was read; it is damaged or was not copied to its end.");
                offset += count;
                destination = destination[count..];
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(Path, $"the file cannot be read: {failure.Message}", failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}
