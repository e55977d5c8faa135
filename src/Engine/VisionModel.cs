using System.Diagnostics;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Imaging;
using Tessera.Vision.Encoding;
using Tessera.Vision.Families;

namespace Tessera;

/// <summary>
/// The vision half of a model: a projector file's image processor, and, once <see cref="LoadWeights"/> has run, its encoder.
/// Planning and preparing never touch a weight. Thread-safe; pictures are encoded one after another.
/// </summary>
public sealed class VisionModel : IDisposable
{
    // A line of several pixels would hide what a smaller preview shows.
    private const int FinePreviewSide = 200;

    private readonly FamilyParts parts;
    private readonly Lock encodeGate = new();
    private readonly Lazy<string> fingerprint;
    private VisionType matrixType;
    private readonly long maxPixels;
    private LoadedTower? tower;
    private bool isDisposed;

    private VisionModel(string path, string family, FamilyParts parts, Preprocessing preprocessing, long maxPixels)
    {
        fingerprint = new Lazy<string>(() => FingerprintOf(path, $"{preprocessing} {matrixType}"));
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

    /// <summary>Tells the projector and its settings apart from others.</summary>
    internal string Fingerprint => fingerprint.Value;

    internal FamilyPrompt Wording => parts.Wording;

    internal bool RowsArePlacedAsText => parts.RowsArePlacedAsText;

    /// <summary>Reads a projector file's configuration, but none of its weights.</summary>
    /// <param name="path">The GGUF file.</param>
    /// <param name="preprocessing">Whose preprocessing to follow.</param>
    /// <param name="maxPixels">Pictures with more pixels are refused before they are decoded.</param>
    /// <exception cref="ModelFileException">It is no projector, damaged, or of a type that is not supported.</exception>
    public static VisionModel Open(
        string path,
        Preprocessing preprocessing = Preprocessing.Original,
        long maxPixels = ModelOptions.DefaultMaxPixels
    )
    {
        using GgufFile file = GgufFile.Open(path);
        VisionFamily family = VisionFamilies.Find(file);
        return new VisionModel(path, family.NameOf(file), family.Open(file, preprocessing), preprocessing, maxPixels);
    }

    /// <summary>Copies the weights to the device. Does nothing if they are there.</summary>
    /// <param name="threadCount">CPU threads; 0 takes as many as pay.</param>
    /// <param name="type">The type that the matrices get in memory.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="device">The device's name, from <see cref="Devices.List"/>; null takes the first GPU that has the memory, and else the
    /// CPU.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or the native libraries or the device cannot be
    /// used.</exception>
    public void LoadWeights(
        int threadCount = 0,
        VisionType type = VisionType.File,
        IProgress<EngineProgress>? progress = null,
        string? device = null,
        CancellationToken cancellationToken = default
    )
    {
        lock (encodeGate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (tower is not null)
                return;
            matrixType = type;
            tower = LoadedTower.Load(
                Path,
                parts,
                new TowerPlace(threadCount, type, device),
                StageProgress.For(progress, EngineStage.LoadProjector),
                cancellationToken
            );
        }

        // The file may be gone when it is first asked for.
        _ = Task.Run(() => fingerprint.Value, CancellationToken.None);
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

    /// <summary>A picture made small enough for a place to show it; small ones keep their size.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="most">The largest width and height.</param>
    /// <param name="grid">A plan whose tiles are drawn over it; null for none.</param>
    /// <param name="cancellationToken">Stops the decoding.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public ImagePreview Preview(PromptImage image, PixelSize most, SlicePlan? grid = null, CancellationToken cancellationToken = default)
    {
        RgbImage shown = Decode(image, cancellationToken);
        double scale = Math.Min(1, Math.Min((double)most.Width / shown.Width, (double)most.Height / shown.Height));
        var size = new PixelSize(Math.Max(1, (int)Math.Round(shown.Width * scale)), Math.Max(1, (int)Math.Round(shown.Height * scale)));
        if (scale < 1)
            shown = Resampler.Resize(
                shown,
                size.Width,
                size.Height,
                ResampleFilter.Lanczos3,
                new ResampleOptions(Cancellation: cancellationToken)
            );
        if (grid is not null)
            shown = GridDrawing.Draw(shown, grid, isFine: Math.Max(size.Width, size.Height) < FinePreviewSide);
        return new ImagePreview(size, shown.Pixels.ToArray());
    }

    /// <summary>Encodes a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="request">Limits, and the picture's place among others; null for one picture without limits.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="ModelFileException">The weights lead to results that are not numbers.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or a backend failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageEncoding Encode(
        PromptImage image,
        PlanRequest? request = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    ) => Encode([image], [request ?? PlanRequest.Default], progress, cancellationToken)[0];

    /// <summary>Encodes several pictures; slices of one size go through the tower together, whichever picture they are of.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="requests">Limits and place among others of each picture.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">One is damaged, too large, or no picture.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ImageEncoding> Encode(
        IReadOnlyList<PromptImage> images,
        IReadOnlyList<PlanRequest> requests,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        return Encode(
            [.. images.Zip(requests, (image, request) => Prepare(image, request, cancellationToken))],
            StageProgress.For(progress, EngineStage.Encode),
            cancellationToken
        );
    }

    /// <summary>Encodes pictures that <see cref="Prepare"/> has made ready.</summary>
    internal IReadOnlyList<ImageEncoding> Encode(
        IReadOnlyList<PreparedPicture> pictures,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        (float[][] slices, double msPerSlice) = EncodeSlices(pictures, TowerOutput.Rows, progress, cancellationToken);
        return Merge(pictures, slices, msPerSlice);
    }

    /// <summary>What the tower makes of a picture, before the connector: for looking into a model, as
    /// <see cref="Encode(PromptImage, PlanRequest?, IProgress{EngineProgress}?, CancellationToken)"/> keeps no features.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="request">Limits; null for none.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or a backend failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageFeatures EncodeFeatures(
        PromptImage image,
        PlanRequest? request = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        PreparedPicture picture = Prepare(image, request, cancellationToken);
        (float[][] slices, double msPerSlice) = EncodeSlices(
            [picture],
            TowerOutput.Features,
            StageProgress.For(progress, EngineStage.Encode),
            cancellationToken
        );
        return new ImageFeatures(picture.Image.Plan, slices, tower!.Encoder.Tower.HiddenSize)
        {
            PreprocessMs = picture.Ms,
            EncodeMs = msPerSlice * slices.Length,
        };
    }

    /// <summary>The normalised pixels that the tower would see: a value for each column, row, channel (red, green, blue) and
    /// slice.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public ImagePixels PreparePixels(PromptImage image, PlanRequest? request = null, CancellationToken cancellationToken = default) =>
        new(Prepare(image, request, cancellationToken).Image);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (encodeGate)
        {
            isDisposed = true;
            tower?.Dispose();
        }
    }

    /// <summary>Decodes a picture, resizes and cuts it, and normalises its slices; needs no weights.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    internal PreparedPicture Prepare(PromptImage image, PlanRequest? request, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        RgbImage decoded = Decode(image, cancellationToken);
        SlicePlan plan = Plan(new PixelSize(decoded.Width, decoded.Height), request);
        var prepared = new PreparedImage(plan, parts.Processor.Prepare(decoded, plan, cancellationToken));
        return new PreparedPicture(image.Name, prepared, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    private static string FingerprintOf(string path, string settings)
    {
        using GgufFile file = GgufFile.Open(path);
        return ModelFingerprint.Of(file, settings);
    }

    private (float[][] Slices, double MsPerSlice) EncodeSlices(
        IReadOnlyList<PreparedPicture> pictures,
        TowerOutput wanted,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        long started = Stopwatch.GetTimestamp();
        lock (encodeGate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (tower is null)
                throw new InvalidOperationException("LoadWeights has not run.");
            try
            {
                tower.RequireUnchanged();
                float[][] slices = tower.Encode(
                    [.. pictures.SelectMany(static picture => picture.Image.Slices)],
                    wanted,
                    progress,
                    cancellationToken
                );
                tower.RequireUnchanged();
                return (slices, Stopwatch.GetElapsedTime(started).TotalMilliseconds / slices.Length);
            }
            catch (NativeLibraryException failure)
            {
                throw new NativeLibraryException(
                    $"{string.Join(", ", pictures.Select(static picture => picture.Name))} with {Path}: {failure.Message}",
                    failure
                );
            }
        }
    }

    private List<ImageEncoding> Merge(IReadOnlyList<PreparedPicture> pictures, float[][] slices, double msPerSlice)
    {
        var encodings = new List<ImageEncoding>();
        int first = 0;
        foreach ((_, PreparedImage image, double preprocessMs) in pictures)
        {
            float[][] own = slices[first..(first += image.Slices.Count)];
            long started = Stopwatch.GetTimestamp();
            float[] embeddings = RequireNumbers(tower!.Encoder.Merge(image.Plan, own));
            encodings.Add(
                new ImageEncoding(image.Plan, embeddings, EmbeddingWidth)
                {
                    PreprocessMs = preprocessMs,
                    EncodeMs = msPerSlice * own.Length + Stopwatch.GetElapsedTime(started).TotalMilliseconds,
                }
            );
        }

        return encodings;
    }

    private float[] RequireNumbers(float[] embeddings)
    {
        foreach (float value in embeddings)
            if (!float.IsFinite(value))
                throw new ModelFileException(
                    Path,
                    "its weights lead to embeddings that are not numbers: the file is damaged or badly converted, so download it again."
                );
        return embeddings;
    }
}

/// <summary>A picture that is ready for the tower.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Image">Its slices' pixels.</param>
/// <param name="Ms">What that took, in milliseconds.</param>
internal sealed record PreparedPicture(string Name, PreparedImage Image, double Ms);
