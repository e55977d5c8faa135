using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Encoding;

namespace Tessera;

/// <summary>
/// The vision half of a model: a projector file's image processor, and, once <see cref="LoadWeights"/> has run, its encoder.
/// Planning and preparing never touch a weight. Thread-safe; pictures are encoded one after another.
/// </summary>
public sealed class VisionModel : IDisposable
{
    // A line of several pixels would hide what a smaller preview shows.
    private const int FinePreviewSide = 200;

    internal VisionModel(Projector projector) => Projector = projector;

    /// <summary>The projector's file.</summary>
    public string Path => Projector.Path;

    /// <summary>Name of the family, such as <c>LLaVA</c>.</summary>
    public string Family => Projector.Family;

    /// <summary>Width of an embedding; the language model's must be the same.</summary>
    public int EmbeddingWidth => Projector.EmbeddingWidth;

    internal Projector Projector { get; }

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
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxPixels);
        return new(Projector.Open(path, preprocessing, maxPixels));
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
    ) =>
        Projector.LoadWeights(
            new TowerPlace(threadCount, type, device),
            StageProgress.For(progress, EngineStage.LoadProjector),
            cancellationToken
        );

    /// <summary>How a picture of a size is cut, and what it costs: arithmetic only.</summary>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest? request = null) => Projector.Plan(image, Checked(request));

    /// <summary>How a picture or a video is cut, and what it costs: reads headers only.</summary>
    /// <exception cref="ImageException">A picture is too large or none.</exception>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    public SlicePlan Plan(PromptMedia media, PlanRequest? request = null)
    {
        ArgumentNullException.ThrowIfNull(media);
        return Projector.Plan(media, Checked(request)).Plan;
    }

    /// <summary>Size of a picture, upright; reads its header only.</summary>
    /// <exception cref="ImageException">It is too large or no picture.</exception>
    public PixelSize ReadSize(PromptImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Projector.ReadSize(image);
    }

    /// <summary>Decodes a picture to upright 8-bit RGB, which nobody may change.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public RgbImage Decode(PromptImage image, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Projector.Decode(image, cancellationToken);
    }

    /// <summary>Draws the tiles of a plan over the picture and writes it as what the file's ending says: .png, .jpg or .webp.</summary>
    /// <exception cref="ImageException">The picture cannot be read, the ending is another one, or the file cannot be written.</exception>
    public void SaveGrid(PromptImage image, SlicePlan plan, string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(path);
        ImageCodec.Save(GridDrawing.Draw(Decode(image, cancellationToken), plan), path);
    }

    /// <summary>Draws the tiles of a plan over the picture and writes it as PNG.</summary>
    /// <exception cref="ImageException">The picture cannot be read.</exception>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void SaveGrid(PromptImage image, SlicePlan plan, Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(stream);
        stream.Write(VipsImage.Encode(GridDrawing.Draw(Decode(image, cancellationToken), plan), ImageFormat.Png));
    }

    /// <summary>Draws the places that an answer names over the picture and writes it in the format of the file's ending.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="regions">The places, all in this picture.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="cancellationToken">Stops the decoding.</param>
    /// <returns>What the colour of each is called.</returns>
    /// <exception cref="ImageException">The picture cannot be read, or the file cannot be written.</exception>
    public IReadOnlyList<string> SaveRegions(
        PromptImage image,
        IReadOnlyList<GroundedRegion> regions,
        string path,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(regions);
        ArgumentNullException.ThrowIfNull(path);
        ImageCodec.Save(RegionDrawing.Draw(Decode(image, cancellationToken), regions), path);
        return [.. Enumerable.Range(0, regions.Count).Select(RegionDrawing.ColourName)];
    }

    /// <summary>A picture made small enough for a place to show it; small ones keep their size.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="most">The largest width and height.</param>
    /// <param name="grid">A plan whose tiles are drawn over it; null for none.</param>
    /// <param name="cancellationToken">Stops the decoding.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public ImagePreview Preview(PromptImage image, PixelSize most, SlicePlan? grid = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        RgbImage shown = Decode(image, cancellationToken);
        double scale = Math.Min(1, Math.Min((double)most.Width / shown.Width, (double)most.Height / shown.Height));
        var size = new PixelSize(Math.Max(1, (int)Math.Round(shown.Width * scale)), Math.Max(1, (int)Math.Round(shown.Height * scale)));
        if (scale < 1)
            shown = Resampler.Resize(
                shown,
                size.Width,
                size.Height,
                ResampleFilter.Lanczos3,
                new ResampleOptions(CancellationToken: cancellationToken)
            );
        if (grid is not null)
            shown = GridDrawing.Draw(shown, grid, isFine: Math.Max(size.Width, size.Height) < FinePreviewSide);
        return new ImagePreview(size, shown.Pixels.ToArray());
    }

    /// <summary>Encodes a picture or a video.</summary>
    /// <param name="media">The picture or video.</param>
    /// <param name="request">Limits, and the picture's place among others; null for one picture without limits.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="ModelFileException">The weights lead to results that are not numbers.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or a backend failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageEncoding Encode(
        PromptMedia media,
        PlanRequest? request = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(media);
        return Encode([media], [request ?? PlanRequest.Default], progress, cancellationToken)[0];
    }

    /// <summary>Encodes several pictures and videos; slices of one size go through the tower together, whichever they are of.</summary>
    /// <param name="media">The pictures and videos.</param>
    /// <param name="requests">Limits and place among others of each.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">One is damaged, too large, or no picture.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ImageEncoding> Encode(
        IReadOnlyList<PromptMedia> media,
        IReadOnlyList<PlanRequest> requests,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(media);
        ArgumentNullException.ThrowIfNull(requests);
        if (media.Count != requests.Count)
            throw new ArgumentException($"There are {requests.Count} requests for {media.Count} pictures and videos.", nameof(requests));
        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        return Projector.Encode(
            [.. media.Zip(requests, (item, request) => Projector.Prepare(Projector.Plan(item, Checked(request)), cancellationToken))],
            StageProgress.For(progress, EngineStage.Encode),
            cancellationToken
        );
    }

    /// <summary>What the tower makes of a picture or a video, before the connector: for looking into a model, as
    /// <see cref="Encode(PromptMedia, PlanRequest?, IProgress{EngineProgress}?, CancellationToken)"/> keeps no features.</summary>
    /// <param name="media">The picture or video.</param>
    /// <param name="request">Limits; null for none.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="NativeLibraryException">There is not enough memory, or a backend failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageFeatures EncodeFeatures(
        PromptMedia media,
        PlanRequest? request = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(media);
        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        PlannedMedia planned = Projector.Plan(media, Checked(request));
        return Projector.EncodeFeatures(
            Projector.Prepare(planned, cancellationToken),
            StageProgress.For(progress, EngineStage.Encode),
            cancellationToken
        );
    }

    /// <summary>The normalised pixels that the tower would see: a value for each column, row, channel (red, green, blue) and
    /// slice.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    public ImagePixels PreparePixels(PromptMedia media, PlanRequest? request = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(media);
        return new(Projector.Prepare(Projector.Plan(media, Checked(request)), cancellationToken));
    }

    /// <inheritdoc/>
    public void Dispose() => Projector.Dispose();

    private static PlanRequest Checked(PlanRequest? request)
    {
        request ??= PlanRequest.Default;
        request.Check();
        return request;
    }
}
