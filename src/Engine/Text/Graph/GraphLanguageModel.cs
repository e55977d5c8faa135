using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Text.Graph;

/// <summary>The weights of a language model that runs as graphs built here, with the vocabulary that libllama reads of its file.</summary>
internal sealed class GraphLanguageModel : ILanguageModel
{
    private readonly LlamaModelHandle vocabulary;
    private readonly GgufFile file;
    private readonly WeightStore weights;

    private GraphLanguageModel(GgufFile file, ComputeDevice device, LlamaModelHandle vocabulary)
    {
        this.vocabulary = vocabulary;
        this.file = file;
        Device = device;
        Path = file.Path;
        Vocabulary = new Vocabulary(LibLlama.llama_model_get_vocab(vocabulary.Pointer));
        weights = new WeightStore(device, file) { KeepsPlainMapped = true };
        Graph = GraphArchitectures.Open(file, weights);
    }

    public string Path { get; }

    public Vocabulary Vocabulary { get; }

    /// <summary>Where it runs.</summary>
    public ComputeDevice Device { get; }

    /// <summary>Its architecture.</summary>
    public LanguageGraph Graph { get; }

    public int EmbeddingWidth => Graph.Width;

    public int BesideWidth => Graph.BesideWidth;

    public int RowWidth => Graph.Width + Graph.BesideWidth;

    public int TrainedContextLength => Graph.TrainedLength;

    public bool IsOnProcessor => Device.IsProcessor;

    public bool HasEncoder => false;

    public bool HasSeveralAxes => false;

    public bool PlacesRowsFreely => true;

    public int PositionFactor { get; set; } = 1;

    public string Settings => Adapters?.Fingerprint ?? "";

    /// <summary>Its LoRA adapters; null for none.</summary>
    public GraphAdapters? Adapters { get; private set; }

    public MemoryRule? Memory => Graph.Memory;

    /// <summary>Whether weights lie in the mapped file.</summary>
    public bool IsMapped => weights.IsMapped;

    /// <summary>Loads a model.</summary>
    /// <param name="file">Its file, which must stay open as long as it is used.</param>
    /// <param name="threadCount">CPU threads; 0 for as many as pay.</param>
    /// <param name="progress">Told the fraction loaded, 0 to 1.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">A key or a weight is missing, or cannot be.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static GraphLanguageModel Load(
        GgufFile file,
        int threadCount,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => Make(file, threadCount, weights => weights.Upload(progress, cancellationToken));

    /// <summary>What a language would take beside the weights; nothing is loaded.</summary>
    /// <param name="file">The model's file.</param>
    /// <param name="length">Positions.</param>
    /// <param name="sequenceCount">Sequences.</param>
    /// <param name="cacheType">How keys and values are stored.</param>
    /// <param name="memoryRows">Rows of a picture that its layers look at; 0 for none.</param>
    /// <exception cref="ModelFileException">A key or a weight is missing, or cannot be.</exception>
    /// <exception cref="NativeLibraryException">There is not even room to try, or the native libraries cannot be used.</exception>
    public static GraphLanguageMemory Measure(GgufFile file, int length, int sequenceCount, CacheType cacheType, int memoryRows)
    {
        using GraphLanguageModel model = Make(file, 1, static weights => weights.Reserve());
        using var language = new GraphLanguage(model, length, sequenceCount, cacheType, memoryRows);
        return new GraphLanguageMemory(
            CacheBytesPerRow(model.Graph.Layers, cacheType) * length,
            language.ComputeBytes,
            CacheBytesPerRow(model.Graph.MemoryLayers, cacheType) * memoryRows,
            model.TrainedContextLength
        );
    }

    private static GraphLanguageModel Make(GgufFile file, int threadCount, Action<WeightStore> fill)
    {
        LlamaModelHandle vocabulary = VocabularyFile.Load(file);
        ComputeDevice? device = null;
        GraphLanguageModel? model = null;
        try
        {
            device = ComputeDevice.OpenForLanguage(threadCount, LanguageSizes.Count);
            model = new GraphLanguageModel(file, device, vocabulary);
            fill(model.weights);
            return model;
        }
        catch
        {
            model?.weights.Dispose();
            device?.Dispose();
            vocabulary.Dispose();
            throw;
        }
    }

    /// <summary>Bytes that a row of the KV cache takes.</summary>
    public long CacheBytesPerRow(CacheType type) => CacheBytesPerRow(Graph.Layers, type);

    private static long CacheBytesPerRow(IReadOnlyList<CacheWidths> layers, CacheType type)
    {
        long values = layers.Sum(static layer => (long)layer.Key + layer.Value);
        return CacheWidths.TypeFor(layers, type) == CacheType.Q8_0 ? values * 34 / 32 : values * sizeof(short);
    }

    public void Adapt(IReadOnlyList<ModelAdapter> adapters)
    {
        if (adapters.Count > 0)
            Adapters = new GraphAdapters(Device, file, weights, adapters);
    }

    public ILanguage Open(int length, int sequenceCount, int threadCount, CacheType cacheType) =>
        new GraphLanguage(this, length, sequenceCount, cacheType);

    public IDisposable Hold() => vocabulary.Hold();

    public void Dispose()
    {
        Adapters?.Dispose();
        weights.Dispose();
        Device.Dispose();
        vocabulary.Dispose();
    }
}

/// <summary>What a language takes beside the weights, in bytes.</summary>
/// <param name="CacheBytes">The KV cache.</param>
/// <param name="ComputeBytes">The largest graph.</param>
/// <param name="MemoryBytes">Keys and values of a picture that its layers look at.</param>
/// <param name="TrainedLength">Tokens of context that the model was trained with.</param>
internal sealed record GraphLanguageMemory(long CacheBytes, long ComputeBytes, long MemoryBytes, int TrainedLength);
