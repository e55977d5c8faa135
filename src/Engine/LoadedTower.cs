using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Models;

namespace Tessera;

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

    /// <summary>Copies the weights to the device and takes the memory of the largest batch.</summary>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the native libraries cannot be used.</exception>
    public static LoadedTower Load(string path, FamilyParts parts, int threadCount, VisionType type, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        GgufFile file = GgufFile.Open(path);
        ComputeDevice device;
        try
        {
            device = ComputeDevice.Open(threadCount);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        var tower = new LoadedTower(file, device);
        try
        {
            tower.weights = new WeightStore(device, file, type);
            tower.Encoder = parts.CreateEncoder(tower.weights);
            tower.weights.Upload(progress, cancellationToken);
            tower.runner = new GraphRunner(tower.device, tower.Encoder.NodeCapacity, mayRound: type == VisionType.Auto || tower.weights.IsQuantized);
            tower.Batcher = new SliceBatcher(tower.Encoder, tower.runner);
            tower.Reserve(path, parts.Processor);
            if (tower.weights.IsMapped) tower.loaded.TakeFingerprint();
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
        if (weights!.IsMapped) loaded.RequireUnchanged();
    }

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
            Batcher.Reserve(processor.Plan(new PixelSize(side, side), PlanRequest.Default).Slices.MaxBy(static slice => slice.Size.Area)!.Size);
        }
        catch (NativeLibraryException failure)
        {
            throw new NativeLibraryException($"{path}: {failure.Message}", failure);
        }
    }
}
