using System.Diagnostics;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Imaging;
using Tessera.Models;

namespace Tessera;

/// <summary>
/// The vision half of a model: a projector file's image processor, and, once <see cref="LoadWeights"/> has run, its encoder.
/// Planning and preparing never touch a weight. Thread-safe; pictures are encoded one after another.
/// </summary>
public sealed class VisionModel : IDisposable
{
    private readonly FamilyParts parts;
    private readonly Lock encodeGate = new();
    private readonly long maxPixels;
    private ComputeDevice? device;
    private WeightStore? weights;
    private IVisionEncoder? encoder;
    private GraphRunner? runner;

    private VisionModel(string path, string family, FamilyParts parts, long maxPixels)
    {
        Path = path;
        Family = family;
        this.parts = parts;
        this.maxPixels = maxPixels;
    }

    /// <summary>The projector's file.</summary>
    public string Path { get; }

    /// <summary>Name of the family, such as <c>LLaVA</c>.</summary>
    public string Family { get; }

    /// <summary>Width of an embedding; the language model's must be the same.</summary>
    public int EmbeddingWidth => parts.EmbeddingWidth;

    internal FamilyPrompt Wording => parts.Wording;

    /// <summary>Reads a projector file's configuration, but none of its weights.</summary>
    /// <param name="path">The GGUF file.</param>
    /// <param name="preprocessing">Whose preprocessing to follow.</param>
    /// <param name="maxPixels">Pictures with more pixels are refused before they are decoded.</param>
    /// <exception cref="ModelFileException">It is no projector, damaged, or of a type that is not supported.</exception>
    public static VisionModel Open(string path, Preprocessing preprocessing = Preprocessing.Original, long maxPixels = ModelOptions.DefaultMaxPixels)
    {
        using GgufFile file = GgufFile.Open(path);
        VisionFamily family = VisionFamilies.Find(file);
        return new VisionModel(path, family.NameOf(file), family.Open(file, preprocessing), maxPixels);
    }

    /// <summary>Copies the weights to the device. Does nothing if they are there.</summary>
    /// <param name="threadCount">CPU threads; 0 takes one for each processor.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the native libraries cannot be used.</exception>
    public void LoadWeights(int threadCount = 0, IProgress<EngineProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        lock (encodeGate)
        {
            if (runner is not null) return;
            try
            {
                using GgufFile file = GgufFile.Open(Path);
                device = ComputeDevice.Open(threadCount);
                weights = new WeightStore(device, file);
                encoder = parts.CreateEncoder(weights);
                weights.Upload(StageProgress.For(progress, EngineStage.LoadProjector), cancellationToken);
                runner = new GraphRunner(device, encoder.NodeCapacity);
            }
            catch
            {
                Release();
                throw;
            }
        }
    }

    /// <summary>How a picture of a size is cut, and what it costs: arithmetic only.</summary>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest? request = null) => parts.Processor.Plan(image, request ?? PlanRequest.Default);

    /// <summary>Size of a picture, upright; reads its header only.</summary>
    /// <exception cref="ImageException">It is too large or no picture.</exception>
    public PixelSize ReadSize(PromptImage image) => ImageCodec.ReadSize(image.Data, image.Name, maxPixels);

    /// <summary>Decodes a picture to upright 8-bit RGB.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public RgbImage Decode(PromptImage image, CancellationToken cancellationToken = default) =>
        ImageCodec.Decode(image.Data, image.Name, maxPixels, cancellationToken);

    /// <summary>Draws the tiles of a plan over the picture and writes it as PNG.</summary>
    /// <exception cref="ImageException">The picture cannot be read, or the file cannot be written.</exception>
    public void SaveGrid(PromptImage image, SlicePlan plan, string path, CancellationToken cancellationToken = default) =>
        ImageCodec.SavePng(GridDrawing.Draw(Decode(image, cancellationToken), plan), path);

    /// <summary>Encodes a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="request">Limits, and the picture's place among others; null for one picture without limits.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageEncoding Encode(PromptImage image, PlanRequest? request = null, IProgress<EngineProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        PreparedImage prepared = Prepare(image, request, cancellationToken);
        double preprocessMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds;

        started = Stopwatch.GetTimestamp();
        List<EncodedSlice> slices;
        lock (encodeGate)
        {
            if (runner is null || encoder is null) throw new InvalidOperationException("LoadWeights has not run.");
            slices = new SliceBatcher(encoder, runner).Encode(prepared.Slices, StageProgress.For(progress, EngineStage.Encode), cancellationToken);
        }

        float[] embeddings = encoder.Merge(prepared.Plan, [.. slices.Select(static slice => slice.Rows)]);
        return new ImageEncoding(prepared, slices, embeddings, encoder, preprocessMs, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    /// <summary>The normalised pixels that the tower would see: a value for each column, row, channel (red, green, blue) and slice.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public ImagePixels PreparePixels(PromptImage image, PlanRequest? request = null, CancellationToken cancellationToken = default) => new(Prepare(image, request, cancellationToken));

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (encodeGate) Release();
    }

    private PreparedImage Prepare(PromptImage image, PlanRequest? request, CancellationToken cancellationToken)
    {
        RgbImage decoded = Decode(image, cancellationToken);
        SlicePlan plan = Plan(new PixelSize(decoded.Width, decoded.Height), request);
        return new PreparedImage(plan, parts.Processor.Prepare(decoded, plan, cancellationToken));
    }

    private void Release()
    {
        runner?.Dispose();
        weights?.Dispose();
        device?.Dispose();
        (runner, encoder, weights, device) = (null, null, null, null);
    }
}
