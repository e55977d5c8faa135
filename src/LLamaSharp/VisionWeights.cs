using LLama;

namespace Tessera.LLamaSharp;

/// <summary>
/// A projector that Tessera runs for a language model that LLamaSharp runs: what <see cref="MtmdWeights"/> is there, with slices,
/// pixels and features as the model's authors have them. Both use the same native libraries. Thread-safe.
/// </summary>
public sealed class VisionWeights : IDisposable
{
    private readonly LLamaWeights language;

    private VisionWeights(VisionModel vision, LLamaWeights language)
    {
        Vision = vision;
        this.language = language;
    }

    /// <summary>The projector: plans, previews, and embeddings on their own.</summary>
    public VisionModel Vision { get; }

    /// <summary>Stands for a picture in a prompt's text.</summary>
    public static string ImageMarker => "<__media__>";

    /// <summary>Loads a projector beside a language model.</summary>
    /// <param name="projectorPath">The projector's GGUF file.</param>
    /// <param name="language">The language model, which stays the caller's.</param>
    /// <param name="options">How to load; the paths in it are not read. Null for the defaults.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">The file is no projector, damaged, or of another width than the language model.</exception>
    /// <exception cref="NativeLibraryException">LLamaSharp has loaded other native libraries than Tessera can use.</exception>
    /// <exception cref="TesseraException">The language model counts positions along several axes (M-RoPE).</exception>
    public static Task<VisionWeights> LoadAsync(
        string projectorPath,
        LLamaWeights language,
        VisionWeightsOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(projectorPath);
        ArgumentNullException.ThrowIfNull(language);
        options ??= new VisionWeightsOptions();
        return Task.Run(() => Load(projectorPath, language, options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Tokenizes a prompt and encodes its pictures: what a context or conversation takes next.</summary>
    /// <param name="text">The whole prompt, as the model's template writes it, with a <see cref="ImageMarker"/> for each picture.</param>
    /// <param name="pictures">The pictures, in the order of their markers.</param>
    /// <param name="isBeginning">Whether a conversation begins here, so that the start token is written if the model wants one.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="TesseraException">There are more or fewer markers than pictures.</exception>
    /// <exception cref="ImageException">A picture is damaged, too large, or none.</exception>
    public Task<VisionPrompt> PrepareAsync(
        string text,
        IReadOnlyList<PromptImage> pictures,
        bool isBeginning = true,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(pictures);
        string[] texts = text.Split(ImageMarker);
        if (texts.Length - 1 != pictures.Count)
            throw new TesseraException(
                $"The prompt has {texts.Length - 1} places for pictures ({ImageMarker}), but {pictures.Count} were given."
            );
        return Task.Run(() => Prepare(texts, pictures, isBeginning, progress, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => Vision.Dispose();

    private static VisionWeights Load(
        string path,
        LLamaWeights language,
        VisionWeightsOptions options,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        // Embeddings of pictures would need three positions each, and LLamaSharp's batches of embeddings have one.
        if (language.Metadata.Keys.Any(static key => key.EndsWith(".rope.dimension_sections", StringComparison.Ordinal)))
            throw new TesseraException(
                "This language model counts positions along several axes (M-RoPE), which LLamaSharp's batches of embeddings cannot say."
            );
        VisionModel vision = VisionModel.Open(path, options.Preprocessing, options.MaxPixels);
        try
        {
            if (vision.EmbeddingWidth != language.EmbeddingSize)
            {
                throw new ModelFileException(
                    path,
                    $"its embeddings are {vision.EmbeddingWidth} wide and the language model's "
                        + $"{language.EmbeddingSize}: they are not of one model"
                );
            }

            vision.LoadWeights(options.ThreadCount, options.VisionType, progress, cancellationToken: cancellationToken);
            return new VisionWeights(vision, language);
        }
        catch
        {
            vision.Dispose();
            throw;
        }
    }

    private VisionPrompt Prepare(
        string[] texts,
        IReadOnlyList<PromptImage> pictures,
        bool isBeginning,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        PlanRequest[] requests = [.. pictures.Select((_, index) => new PlanRequest { ImageIndex = index, ImageCount = pictures.Count })];
        IReadOnlyList<ImageEncoding> encodings = pictures.Count == 0 ? [] : Vision.Encode(pictures, requests, progress, cancellationToken);
        var prompt = new VisionPromptBuilder(language);
        if (isBeginning)
            prompt.AddStart(texts[0]);
        else
            prompt.AddText(texts[0]);
        for (int index = 0; index < encodings.Count; index++)
        {
            prompt.AddImage(encodings[index]);
            prompt.AddText(texts[index + 1]);
        }

        return prompt.Build();
    }
}
