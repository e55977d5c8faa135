using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Imaging;
using Tessera.Vision.Families;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Encoding;

/// <summary>A projector's weights on a device, and what runs pictures through them.</summary>
internal sealed class LoadedTower : IDisposable
{
    private readonly GgufFile file;
    private readonly ComputeDevice device;
    private readonly LoadedFile loaded;
    private WeightStore? weights;
    private GraphRunner? runner;

    private LoadedTower(GgufFile file, ComputeDevice device) => (this.file, this.device, loaded) = (file, device, new LoadedFile(file));

    public IVisionEncoder Encoder { get; private set; } = null!;

    public SliceBatcher Batcher { get; private set; } = null!;

    /// <summary>
    /// Copies the weights to the device and takes the memory of the largest batch. Where no device is named and the GPU has not enough
    /// memory, it is the CPU's.
    /// </summary>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the native libraries or the device cannot be
    /// used.</exception>
    public static LoadedTower Load(
        string path,
        FamilyParts parts,
        TowerPlace place,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        nint gpu = ComputeDevice.FindGpu(place.DeviceName);
        if (gpu == 0)
            return LoadOn(gpu, path, parts, place, progress, cancellationToken);
        try
        {
            return GpuTasks.Run(() => LoadOn(gpu, path, parts, place, progress, cancellationToken));
        }
        catch (NativeLibraryException failure) when (place.DeviceName is null)
        {
            GpuTasks.Warn($"{failure.Message} The vision tower runs on the CPU instead.");
            return LoadOn(0, path, parts, place, progress, cancellationToken);
        }
    }

    private static LoadedTower LoadOn(
        nint gpu,
        string path,
        FamilyParts parts,
        TowerPlace place,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        GgufFile file = GgufFile.Open(path);
        ComputeDevice device;
        try
        {
            device = ComputeDevice.Open(place.ThreadCount, gpu);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        var tower = new LoadedTower(file, device);
        try
        {
            tower.weights = new WeightStore(device, file, place.Type);
            tower.Encoder = parts.CreateEncoder(tower.weights);
            tower.weights.Upload(progress, cancellationToken);
            tower.runner = new GraphRunner(
                tower.device,
                tower.Encoder.NodeCapacity,
                mayRound: place.Type == VisionType.Auto || tower.weights.IsQuantized
            );
            tower.Batcher = new SliceBatcher(tower.Encoder, tower.runner);
            tower.Reserve(path, parts.Processor);
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
        if (weights!.IsMapped)
            loaded.RequireUnchanged();
    }

    /// <summary>What is wanted of slices, in their order; <see cref="SliceBatcher.Encode"/>.</summary>
    public float[][] Encode(
        IReadOnlyList<PreparedSlice> slices,
        TowerOutput wanted,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) =>
        device.IsProcessor
            ? Batcher.Encode(slices, wanted, progress, cancellationToken)
            : GpuTasks.Run(() => Batcher.Encode(slices, wanted, progress, cancellationToken));

    public void Dispose()
    {
        Batcher?.Dispose();
        runner?.Dispose();
        weights?.Dispose();
        device.Dispose();
        file.Dispose();
    }

    // The largest slice that a family makes of any picture is, but for whole patches, that of a picture of the tower's size.
    private void Reserve(string path, IImageProcessor processor)
    {
        int side = Encoder.Tower.ImageSize;
        try
        {
            Batcher.Reserve(
                processor.Plan(new PixelSize(side, side), PlanRequest.Default).Slices.MaxBy(static slice => slice.Size.Area)!.Size
            );
        }
        catch (NativeLibraryException failure)
        {
            throw new NativeLibraryException($"{path}: {failure.Message}", failure);
        }
    }
}

/// <summary>Where a tower is loaded, and how.</summary>
/// <param name="ThreadCount">CPU threads; 0 takes one for each processor.</param>
/// <param name="Type">The type that its matrices get in memory.</param>
/// <param name="DeviceName">The device; null for the first GPU that has the memory, and else the CPU.</param>
internal sealed record TowerPlace(int ThreadCount, VisionType Type, string? DeviceName);
