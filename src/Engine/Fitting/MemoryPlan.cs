using Tessera.Fitting;

namespace Tessera;

/// <summary>Memory that a model takes on one device.</summary>
/// <param name="Device">The device, as <see cref="Devices.List"/> names it.</param>
/// <param name="Bytes">What it takes there.</param>
/// <param name="FreeBytes">What is free there now.</param>
public sealed record DeviceMemory(string Device, long Bytes, long FreeBytes)
{
    /// <summary>Whether there is room.</summary>
    public bool Fits => Bytes <= FreeBytes;
}

/// <summary>
/// The memory that a model takes with a context length, before anything is loaded. The language model's part is what libllama plans, the
/// vision tower's what its weights and its largest graph need.
/// </summary>
public sealed record MemoryPlan
{
    /// <summary>Tokens of context.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Tokens of context that the model was trained with; 0 where it does not say.</summary>
    public required int TrainedContextLength { get; init; }

    /// <summary>How the KV cache stores keys and values.</summary>
    public required CacheType CacheType { get; init; }

    /// <summary>The language model's weights, in bytes.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The KV cache, or the states of a recurrent model.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Buffers to compute in, and for logits.</summary>
    public required long ComputeBytes { get; init; }

    /// <summary>The vision tower's weights; 0 without a projector.</summary>
    public required long VisionWeightBytes { get; init; }

    /// <summary>What the tower computes in: the largest batch of slices.</summary>
    public required long VisionComputeBytes { get; init; }

    /// <summary>The picture, its slices, what they become, and what layers that look at it keep; 0 where no picture was asked
    /// about.</summary>
    public required long ImageBytes { get; init; }

    /// <summary>The program itself: libraries, vocabulary, tables.</summary>
    public required long ProgramBytes { get; init; }

    /// <summary>What lies where.</summary>
    public required IReadOnlyList<DeviceMemory> Devices { get; init; }

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + CacheBytes + ComputeBytes + VisionWeightBytes + VisionComputeBytes + ImageBytes + ProgramBytes;

    /// <summary>Whether every device has the room.</summary>
    public bool Fits => Devices.All(static device => device.Fits);

    /// <summary>The largest context that would fit, up to the trained one, in steps of 256 tokens; 0 where not even the weights
    /// fit.</summary>
    public int LargestContextLength
    {
        get
        {
            const int Step = 256;
            long room = Devices.Min(static device => device.FreeBytes - device.Bytes) + CacheBytes;
            if (room <= 0 || CacheBytes == 0)
                return room <= 0 ? 0 : ContextLength;
            long most = (long)((double)room / CacheBytes * ContextLength);
            return (int)Math.Min(most / Step * Step, TrainedContextLength > 0 ? TrainedContextLength : int.MaxValue);
        }
    }

    /// <summary>Plans a model off the caller's thread.</summary>
    /// <param name="options">The files and where to run them, as for loading.</param>
    /// <param name="picture">The size of a picture to answer about; null for none.</param>
    /// <param name="cancellationToken">Stops it between two steps.</param>
    /// <exception cref="ModelFileException">A file cannot be used.</exception>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static Task<MemoryPlan> ForAsync(ModelOptions options, PixelSize? picture = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Task.Run(() => MemoryPlanner.Plan(options, picture, cancellationToken), cancellationToken);
    }
}
