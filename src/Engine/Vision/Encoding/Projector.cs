using System.Diagnostics;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Imaging;
using Tessera.Vision.Families;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Encoding;

/// <summary>
/// A projector's file, opened once: plans and prepares media with it, and, once the weights are loaded, encodes them. Thread-safe; what is
/// encoded goes through the tower one after another.
/// </summary>
internal sealed class Projector : IDisposable
{
    private readonly GgufFile file;
    private readonly GgufParts files;
    private readonly FamilyParts parts;
    private readonly Preprocessing preprocessing;
    private readonly long maxPixels;
    private readonly Lock encodeGate = new();
    private readonly Lazy<string> fingerprint;
    private VisionType matrixType;
    private TowerPlace? later;
    private LoadedTower? tower;
    private bool isDisposed;

    private Projector(GgufParts files, VisionFamily family, Preprocessing preprocessing, long maxPixels)
    {
        this.files = files;
        file = files.First;
        this.preprocessing = preprocessing;
        this.maxPixels = maxPixels;
        Family = family.NameOf(file);
        parts = family.Open(file, preprocessing);
        fingerprint = new Lazy<string>(() => ModelFingerprint.Of(file, $"{this.preprocessing} {matrixType}"));
    }

    public string Path => file.Path;

    public string Family { get; }

    public int EmbeddingWidth => parts.EmbeddingWidth;

    /// <summary>Numbers that stand beside each embedding.</summary>
    public int BesideWidth => parts.BesideWidth;

    /// <summary>Width of a row of the prompt: an embedding, and what stands beside it.</summary>
    public int RowWidth => EmbeddingWidth + BesideWidth;

    /// <summary>Width of a memory's row; 0 where pictures are rows of the prompt.</summary>
    public int MemoryWidth => parts.MemoryWidth;

    /// <summary>Width of the vectors by which pictures and texts are compared; 0 where it does not match them.</summary>
    public int VectorWidth => parts.VectorWidth;

    /// <summary>Numbers that a picture becomes: embeddings, and the memory behind them.</summary>
    public int ValueCount(SlicePlan plan) => checked((plan.ImageTokenCount * RowWidth) + (plan.MemoryRowCount * MemoryWidth));

    public FamilyPrompt Wording => parts.Wording;

    /// <summary>Whether the start token stands behind the pictures that a prompt begins with.</summary>
    public bool StartsBehindRows => parts.StartsBehindRows;

    /// <summary>Whether each question is answered by itself, about the latest picture.</summary>
    public bool AnswersAlone => parts.AnswersAlone;

    /// <summary>Whether the vision side reads what is asked, and the language model nothing of it.</summary>
    public bool ReadsPrompt => parts.ReadsPrompt;

    /// <summary>Whether a start token that the prompt's text itself begins with is kept.</summary>
    public bool KeepsStartText => parts.KeepsStartText;

    /// <summary>How answers write places in the picture; null where they do not.</summary>
    public RegionNotation? Regions => parts.Regions;

    /// <summary>Architectures of the language models that it was made for; null for any that only decodes.</summary>
    public IReadOnlyList<string>? Languages => parts.Languages;

    /// <summary>Whether it was made for a language model of these architectures, by its file.</summary>
    public bool IsFor(GgufFile language) => parts.IsFor?.Invoke(language) ?? true;

    public bool RowsArePlacedAsText => parts.RowsArePlacedAsText;

    public bool RowsSharePositions => parts.RowsSharePositions;

    /// <summary>By how much the positions of a language model of 4096 are stretched for a video of so many frames.</summary>
    public int PositionFactor(int frameCount) => frameCount > 0 ? parts.PositionFactor?.Invoke(frameCount) ?? 1 : 1;

    /// <summary>Tells the projector and its settings apart from others.</summary>
    public string Fingerprint => fingerprint.Value;

    /// <summary>Whether a language model's file holds its vision tower too.</summary>
    public static bool IsInLanguageModel(GgufFile file) => VisionFamilies.IsInLanguageModel(file);

    /// <summary>Reads a projector file's configuration, but none of its weights.</summary>
    /// <exception cref="ModelFileException">It is no projector, damaged, or of a type that is not supported.</exception>
    public static Projector Open(string path, Preprocessing preprocessing, long maxPixels)
    {
        GgufParts files = GgufParts.Open(path);
        try
        {
            return new Projector(files, VisionFamilies.Find(files.First), preprocessing, maxPixels);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>The memory that the weights and the largest batch would take.</summary>
    public TowerMemory MeasureMemory(TowerPlace place) => LoadedTower.Measure(file, parts, place);

    /// <summary>Copies the weights to the device. Does nothing if they are there.</summary>
    public void LoadWeights(TowerPlace place, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        lock (encodeGate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, typeof(VisionModel));
            if (tower is not null)
                return;
            matrixType = place.Type;
            tower = LoadedTower.Load(file, parts, place, progress, cancellationToken);
        }

        // While the system still holds what was read.
        _ = Task.Run(() => fingerprint.Value, CancellationToken.None);
    }

    /// <summary>Whether the weights are where they are computed with.</summary>
    public bool HasWeights => tower is not null;

    /// <summary>Leaves the weights in the file until the first picture is encoded.</summary>
    public void LoadWeightsLater(TowerPlace place)
    {
        lock (encodeGate)
            (matrixType, later) = (place.Type, place);
    }

    public PixelSize ReadSize(PromptImage image) => image.Source.ReadSize(maxPixels);

    public RgbImage Decode(PromptImage image, CancellationToken cancellationToken) => image.Source.Decode(maxPixels, cancellationToken);

    public SlicePlan Plan(PixelSize image, PlanRequest request) => parts.Processor.Plan(image, request);

    /// <summary>How a picture or a video is cut: reads headers only.</summary>
    /// <exception cref="ImageException">A picture is too large or none.</exception>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    public PlannedMedia Plan(PromptMedia media, PlanRequest request) =>
        new(
            media,
            media is PromptImage image
                ? parts.Processor.Plan(ReadSize(image), request)
                : parts.Processor.PlanVideo([.. media.Frames.Select(ReadSize)], request)
        );

    /// <summary>Decodes media, resizes and cuts them by their plan, and normalises the slices; needs no weights.</summary>
    /// <exception cref="ImageException">A picture is damaged, too large, or none.</exception>
    public PreparedMedia Prepare(PlannedMedia planned, CancellationToken cancellationToken)
    {
        (PromptMedia media, SlicePlan plan) = planned;
        long started = Stopwatch.GetTimestamp();
        RgbImage[] frames = [.. media.Frames.Select(frame => DecodePlanned(frame, cancellationToken))];
        IReadOnlyList<PreparedSlice> slices =
            media is PromptImage
                ? parts.Processor.Prepare(frames[0], plan, cancellationToken)
                : parts.Processor.PrepareVideo(frames, plan, cancellationToken);
        return new PreparedMedia(media.Name, plan, slices) { Ms = Stopwatch.GetElapsedTime(started).TotalMilliseconds };
    }

    /// <summary>Encodes what <see cref="Prepare"/> has made ready.</summary>
    public IReadOnlyList<ImageEncoding> Encode(
        IReadOnlyList<PreparedMedia> media,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<EncodedMedia> encoded = Run(media, loaded => loaded.Encode(media, progress, cancellationToken), cancellationToken);
        double msPerSlice = Stopwatch.GetElapsedTime(started).TotalMilliseconds / media.Sum(static item => item.Slices.Count);
        return
        [
            .. media.Zip(
                encoded,
                (item, made) =>
                    new ImageEncoding(item.Plan, RequireNumbers(Joined(made)), EmbeddingWidth, made.Rows.Length, MemoryWidth, BesideWidth)
                    {
                        PreprocessMs = item.Ms,
                        EncodeMs = msPerSlice * item.Slices.Count,
                    }
            ),
        ];
    }

    /// <summary>Work of an encoder that matches texts and pictures, which the family must be known to have.</summary>
    public T Match<T>(IReadOnlyList<PreparedMedia> media, Func<IMatchingEncoder, GraphRunner, T> work) =>
        Run(media, loaded => loaded.Run(runner => work((IMatchingEncoder)loaded.Encoder, runner)));

    /// <summary>What the tower makes of one picture or video, before the connector.</summary>
    public ImageFeatures EncodeFeatures(PreparedMedia media, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        (float[][] slices, int width) = Run(
            [media],
            loaded => (loaded.EncodeFeatures(media, progress, cancellationToken), loaded.Encoder.FeatureWidth),
            cancellationToken
        );
        return new ImageFeatures(media.Plan, slices, width)
        {
            PreprocessMs = media.Ms,
            EncodeMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds,
        };
    }

    public void Dispose()
    {
        lock (encodeGate)
        {
            if (isDisposed)
                return;
            isDisposed = true;
            tower?.Dispose();
            // The fingerprint that is being taken in the background reads it.
            try
            {
                if (tower is not null)
                    _ = fingerprint.Value;
            }
            catch (TesseraException) { }

            files.Dispose();
        }
    }

    private RgbImage DecodePlanned(PromptImage frame, CancellationToken cancellationToken)
    {
        RgbImage pixels = Decode(frame, cancellationToken);
        PixelSize planned = ReadSize(frame);
        return pixels.Width == planned.Width && pixels.Height == planned.Height
            ? pixels
            : throw new ImageException(frame.Name, "the picture's header says another size than its pixels have: it is damaged.");
    }

    private T Run<T>(IReadOnlyList<PreparedMedia> media, Func<LoadedTower, T> work, CancellationToken cancellationToken = default)
    {
        lock (encodeGate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, typeof(VisionModel));
            if (tower is null && later is null)
                throw new InvalidOperationException("LoadWeights has not run.");
            try
            {
                tower ??= LoadedTower.Load(file, parts, later!, null, cancellationToken);
                tower.RequireUnchanged();
                T result = work(tower);
                tower.RequireUnchanged();
                return result;
            }
            catch (NativeLibraryException failure)
            {
                string names = string.Join(", ", media.Select(static item => item.Name));
                throw new NativeLibraryException($"{names} with {Path}: {failure.Message}", failure);
            }
        }
    }

    private static float[] Joined(EncodedMedia made) =>
        made.Memory is null ? made.Rows
        : made.Rows.Length == 0 ? made.Memory
        : [.. made.Rows, .. made.Memory];

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
