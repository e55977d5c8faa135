using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Imaging;
using Tessera.Vision.Families;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Encoding;

/// <summary>A projector's weights on a device, and what runs pictures through them. The file is its owner's.</summary>
internal sealed class LoadedTower : IDisposable
{
    private readonly GgufFile file;
    private readonly ComputeDevice device;
    private readonly LoadedFile loaded;
    private WeightStore? weights;
    private GraphRunner? runner;

    private LoadedTower(GgufFile file, ComputeDevice device) => (this.file, this.device, loaded) = (file, device, new LoadedFile(file));

    public IVisionEncoder Encoder { get; private set; } = null!;

    /// <summary>
    /// Copies the weights to the device and takes the memory of the largest batch. Where no device is named and the GPU has not enough
    /// memory, it is the CPU's.
    /// </summary>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the native libraries or the device cannot be
    /// used.</exception>
    public static LoadedTower Load(
        GgufFile file,
        FamilyParts parts,
        TowerPlace place,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        nint gpu = ComputeDevice.FindGpu(place.DeviceName);
        if (gpu == 0)
            return LoadOn(gpu, file, parts, place, progress, cancellationToken);
        try
        {
            return GpuTasks.Run(() => LoadOn(gpu, file, parts, place, progress, cancellationToken));
        }
        catch (NativeLibraryException failure) when (place.DeviceName is null)
        {
            GpuTasks.Warn($"{failure.Message} The vision tower runs on the CPU instead.");
            return LoadOn(0, file, parts, place, progress, cancellationToken);
        }
    }

    /// <summary>The memory of the weights and of the largest batch, in bytes, and the device; nothing is loaded.</summary>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not even room to try, or the native libraries cannot be used.</exception>
    public static TowerMemory Measure(GgufFile file, FamilyParts parts, TowerPlace place)
    {
        using var tower = new LoadedTower(file, ComputeDevice.Open(place.ThreadCount, ComputeDevice.FindGpu(place.DeviceName)));
        tower.weights = new WeightStore(tower.device, file, place.Type);
        tower.Encoder = parts.CreateEncoder(tower.weights);
        tower.weights.Reserve();
        tower.runner = new GraphRunner(tower.device, tower.Encoder.NodeCapacity);
        tower.Reserve(parts.Processor);
        return new TowerMemory(tower.device.Name, tower.weights.ByteLength, tower.runner.ReservedBytes);
    }

    private static LoadedTower LoadOn(
        nint gpu,
        GgufFile file,
        FamilyParts parts,
        TowerPlace place,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        var tower = new LoadedTower(file, ComputeDevice.Open(place.ThreadCount, gpu));
        try
        {
            tower.weights = new WeightStore(tower.device, file, place.Type);
            tower.Encoder = parts.CreateEncoder(tower.weights);
            tower.weights.Upload(progress, cancellationToken);
            tower.runner = new GraphRunner(
                tower.device,
                tower.Encoder.NodeCapacity,
                mayRound: place.Type == VisionType.Auto || tower.weights.IsQuantized
            );
            tower.Reserve(parts.Processor);
            if (tower.weights.IsMapped)
                tower.loaded.TakeFingerprint();
            return tower;
        }
        catch
        {
            tower.Dispose();
            throw;
        }
    }

    /// <summary>Fails when weights lie in the mapped file and are no longer those that were loaded.</summary>
    /// <exception cref="ModelFileException">They are others.</exception>
    public void RequireUnchanged()
    {
        if (weights!.IsExposed)
            loaded.RequireUnchanged();
    }

    /// <summary>What the language model sees of prepared media, in their order.</summary>
    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => Run(() => Encoder.Encode(media, runner!, progress, cancellationToken));

    /// <summary>The tower's output for each slice: [hidden, patches].</summary>
    public float[][] EncodeFeatures(PreparedMedia media, IProgress<double>? progress, CancellationToken cancellationToken) =>
        Run(() => Encoder.EncodeFeatures(media, runner!, progress, cancellationToken));

    /// <summary>Other work with the graphs.</summary>
    public T Run<T>(Func<GraphRunner, T> work) => Run(() => work(runner!));

    public void Dispose()
    {
        Encoder?.Dispose();
        runner?.Dispose();
        weights?.Dispose();
        device.Dispose();
    }

    private T Run<T>(Func<T> work) => device.IsProcessor ? work() : GpuTasks.Run(work);

    private void Reserve(IImageProcessor processor)
    {
        try
        {
            Encoder.Reserve(runner!, size => processor.Plan(size, PlanRequest.Default));
        }
        catch (NativeLibraryException failure)
        {
            throw new NativeLibraryException($"{file.Path}: {failure.Message}", failure);
        }
    }
}

/// <summary>Where a tower is loaded, and how.</summary>
/// <param name="ThreadCount">CPU threads; 0 takes one for each processor.</param>
/// <param name="Type">The type that its matrices get in memory.</param>
/// <param name="DeviceName">The device; null for the first GPU that has the memory, and else the CPU.</param>
internal sealed record TowerPlace(int ThreadCount, VisionType Type, string? DeviceName);

/// <summary>The memory that a tower takes.</summary>
/// <param name="Device">Where.</param>
/// <param name="WeightBytes">Its weights.</param>
/// <param name="GraphBytes">The graph of its largest batch.</param>
internal sealed record TowerMemory(string Device, long WeightBytes, long GraphBytes);
