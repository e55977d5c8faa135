using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>The weights and vocabulary of a language model in libllama. Thread-safe once loaded; contexts decode with it.</summary>
internal sealed unsafe class LanguageModel : ILanguageModel
{
    private const string Prefix = "error loading model: ";
    private const int MaxReasonLength = 300;

    // LLAMA_ROPE_TYPE_MROPE and IMROPE of llama.cpp v0.5.0, include/llama.h (ggml's GGML_ROPE_TYPE_*).
    private static readonly int[] SeveralAxes = [8, 40];
    private readonly LlamaModelHandle handle;

    private LanguageModel(string path, LlamaModelHandle handle, bool isOnProcessor)
    {
        Path = path;
        IsOnProcessor = isOnProcessor;
        this.handle = handle;
        Vocabulary = new Vocabulary(LibLlama.llama_model_get_vocab(handle.Pointer));
        EmbeddingWidth = LibLlama.llama_model_n_embd_inp(handle.Pointer);
        TrainedContextLength = LibLlama.llama_model_n_ctx_train(handle.Pointer);
    }

    /// <summary>Tells apart the native libraries that a model may be loaded with.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static string Edition
    {
        get
        {
            NativeRuntime.Start();
            return $"{LlamaEdition.Current.Name}, ggml {LlamaEdition.Current.GgmlVersion}, {RuntimeInformation.RuntimeIdentifier}";
        }
    }

    public string Path { get; }

    public Vocabulary Vocabulary { get; }

    /// <summary>The adapters that contexts use; null for none.</summary>
    public LoadedAdapters? Adapters { get; private set; }

    public string Settings => Adapters?.Fingerprint + (PositionFactor > 1 ? $" positions {PositionFactor}" : "");

    public MemoryRule? Memory => null;

    /// <summary>By how much positions are stretched (linear RoPE scaling, arXiv 2306.15595); 1 leaves it to the file.</summary>
    public int PositionFactor { get; set; } = 1;

    /// <summary>Whether its channels turn by the second axis of a position alone, so that rows may stand apart from their order
    /// (<see cref="RowPlaces"/>).</summary>
    public bool PlacesRowsFreely { get; set; }

    /// <summary>Whether Tessera's kernels know all matrices of its layers well enough to compute single tokens.</summary>
    public bool TakesSteps { get; set; }

    /// <summary>Width of an input embedding, which a projector must match.</summary>
    public int EmbeddingWidth { get; }

    /// <summary>Tokens of context that the model was trained with.</summary>
    public int TrainedContextLength { get; }

    /// <summary>Bytes of weights.</summary>
    public long ByteLength => (long)LibLlama.llama_model_size(handle.Pointer);

    /// <summary>Whether a position has several axes (M-RoPE), so that libllama reads four numbers for each embedding, and one for each
    /// token.</summary>
    public bool HasSeveralAxes => SeveralAxes.Contains(LibLlama.llama_model_rope_type(handle.Pointer));

    /// <summary>Whether an encoder reads the prompt (T5).</summary>
    public bool HasEncoder => LibLlama.llama_model_has_encoder(handle.Pointer);

    public nint Pointer => handle.Pointer;

    /// <summary>Whether no GPU computes any of it.</summary>
    public bool IsOnProcessor { get; }

    /// <summary>
    /// Bytes that a context takes for each token, at least: libllama's own bookkeeping (ggml-org/llama.cpp v0.5.0,
    /// src/llama-kv-cells.h), and F16 keys and values unless only some of the layers have them.
    /// </summary>
    public long ContextBytesPerToken()
    {
        const long Bookkeeping = 48;
        int heads = LibLlama.llama_model_n_head(Pointer);
        if (heads <= 0 || LibLlama.llama_model_is_recurrent(Pointer) || LibLlama.llama_model_is_hybrid(Pointer))
            return Bookkeeping;
        long width = (long)LibLlama.llama_model_n_embd(Pointer) / heads * LibLlama.llama_model_n_head_kv(Pointer);
        return Bookkeeping + width * LibLlama.llama_model_n_layer(Pointer) * 2 * sizeof(short);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A GGUF file; the first one where it is split.</param>
    /// <param name="gpuLayerCount">Layers to place on GPUs, where there are any; negative for all, 0 to leave the GPUs alone.</param>
    /// <param name="progress">Told the fraction loaded, 0 to 1.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <param name="isRepacked">Whether matrices are copied into the order in which this processor multiplies them fastest.</param>
    /// <param name="isMapped">Whether weights may stay in the mapped file; else they are read into memory.</param>
    /// <exception cref="ModelFileException">libllama cannot load it; the message holds its reason.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static LanguageModel Load(
        string path,
        int gpuLayerCount,
        IProgress<double>? progress,
        CancellationToken cancellationToken,
        bool isRepacked = true,
        bool isMapped = true
    )
    {
        NativeRuntime.Start();
        if (gpuLayerCount != 0)
            GpuDevices.Open();
        bool isOnProcessor = gpuLayerCount == 0 || GpuDevices.Usable.Count == 0;
        var watch = new LoadWatch(progress, cancellationToken);
        GCHandle pinned = GCHandle.Alloc(watch);
        try
        {
            nint data = GCHandle.ToIntPtr(pinned);
            LlamaModelHandle handle = isOnProcessor
                ? LoadFile(path, 0, isRepacked, isMapped, data)
                : GpuCalls.Run(() => LoadFile(path, gpuLayerCount, isRepacked, isMapped, data));
            if (LibLlama.llama_model_has_decoder(handle.Pointer))
                return new LanguageModel(path, handle, isOnProcessor);
            handle.Dispose();
            throw new ModelFileException(path, "it is an encoder, for embedding; give a model that generates text.");
        }
        finally
        {
            pinned.Free();
        }
    }

    public void Adapt(IReadOnlyList<ModelAdapter> adapters) => Adapters = LoadedAdapters.Load(this, adapters);

    public ILanguage Open(int length, int sequenceCount, int threadCount, CacheType cacheType) =>
        new LlamaLanguage(this, length, sequenceCount, threadCount, cacheType);

    public IDisposable Hold() => handle.Hold();

    public void Dispose() => handle.Dispose();

    private static LlamaModelHandle LoadFile(string path, int gpuLayerCount, bool isRepacked, bool isMapped, nint watch)
    {
        NativeLog.ForgetErrors();
        // A list of devices that ends at once: else libllama would compute large batches on a GPU even with no layer there.
        nint none = 0;
        llama_model_params parameters = LlamaEdition.ModelDefaults();
        if (gpuLayerCount == 0)
            parameters.devices = &none;
        parameters.n_gpu_layers = gpuLayerCount;
        parameters.use_extra_bufts = isRepacked ? (byte)1 : (byte)0;
        // Each edition's default maps the file; what v0.5.0 calls its default ends the process in the other.
        if (!isMapped)
            parameters.load_mode = LibLlama.LLAMA_LOAD_MODE_NONE;
        parameters.progress_callback = &ReportProgress;
        parameters.progress_callback_user_data = (void*)watch;
        var handle = new LlamaModelHandle(LlamaEdition.LoadModel(path, parameters));
        ((LoadWatch)GCHandle.FromIntPtr(watch).Target!).CancellationToken.ThrowIfCancellationRequested();
        return handle.IsInvalid ? throw new ModelFileException(path, $"llama.cpp cannot load it as a language model: {Reason()}.") : handle;
    }

    // The reason quotes the file, so it may be long or steer the terminal; and each caller in libllama adds that loading failed.
    private static string Reason()
    {
        string reason = NativeLog.TakeErrors().Replace("; failed to load model", "", StringComparison.Ordinal);
        while (reason.StartsWith(Prefix, StringComparison.Ordinal))
            reason = reason[Prefix.Length..];
        string shown = string.Concat(reason.Select(static character => char.IsControl(character) ? ' ' : character)).TrimEnd(' ', '.');
        return shown.Length > MaxReasonLength ? $"{shown[..MaxReasonLength]}..." : shown;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte ReportProgress(float fraction, void* userData)
    {
        var watch = (LoadWatch)GCHandle.FromIntPtr((nint)userData).Target!;
        watch.Progress?.Report(fraction);
        return watch.CancellationToken.IsCancellationRequested ? (byte)0 : (byte)1;
    }

    private sealed record LoadWatch(IProgress<double>? Progress, CancellationToken CancellationToken);
}
