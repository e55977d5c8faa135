using System.Globalization;
using System.Text.RegularExpressions;
using Tessera.Compute;
using Tessera.Native;

namespace Tessera.Text.Llama;

/// <summary>What a language model and its context take beside the weights.</summary>
/// <param name="CacheBytes">The KV cache, or the states of a recurrent model.</param>
/// <param name="ComputeBytes">What it computes in, and the logits, by the devices' names.</param>
/// <param name="TrainedContextLength">Context that the model was trained with.</param>
internal sealed record LanguageMemory(long CacheBytes, IReadOnlyDictionary<string, long> ComputeBytes, int TrainedContextLength)
{
    /// <summary>Keys and values of the picture that its layers look at.</summary>
    public long MemoryBytes { get; init; }
}

/// <summary>
/// Asks libllama what a context would take: it loads the model without its weights, plans the context, and says in its log how large each
/// buffer would be.
/// </summary>
internal static unsafe partial class LanguageMemoryPlan
{
    /// <summary>Plans a model and a context.</summary>
    /// <param name="path">The model's file; the first one where it is split.</param>
    /// <param name="gpuLayerCount">Layers on GPUs; negative for all.</param>
    /// <param name="isRepacked">Whether matrices are copied into the order in which this processor multiplies them fastest.</param>
    /// <param name="length">Positions of the KV cache.</param>
    /// <param name="sequenceCount">Sequences.</param>
    /// <param name="cacheType">How the KV cache stores its values.</param>
    /// <exception cref="ModelFileException">libllama cannot load it, or make such a context.</exception>
    public static LanguageMemory Make(string path, int gpuLayerCount, bool isRepacked, int length, int sequenceCount, CacheType cacheType)
    {
        NativeRuntime.Start();
        if (gpuLayerCount != 0)
            GpuDevices.Open();
        var lines = new List<string>();
        NativeLog.ForgetErrors();
        using (NativeLog.Listen(lines.Add))
        {
            using LlamaModelHandle model = Load(path, gpuLayerCount, isRepacked);
            int trained = LibLlama.llama_model_n_ctx_train(model.Pointer);
            using var context = new LlamaContextHandle(
                ComputeDevice.WhileContextIsMade(() =>
                    LlamaEdition.NewContext(
                        model.Pointer,
                        LlamaContext.PlainParameters(
                            length,
                            sequenceCount,
                            1,
                            cacheType,
                            (LibLlama.llama_model_has_encoder(model.Pointer), gpuLayerCount == 0 || GpuDevices.Usable.Count == 0)
                        )
                    )
                )
            );
            return context.IsInvalid
                ? throw new ModelFileException(
                    path,
                    $"llama.cpp cannot make a context of {length} tokens for it: {NativeLog.TakeErrors()}."
                )
                : Read(lines, trained);
        }
    }

    private static LanguageMemory Read(List<string> lines, int trained)
    {
        long cache = lines.Select(static line => CacheLine().Match(line)).Where(static match => match.Success).Sum(Bytes);
        var compute = new Dictionary<string, long>(StringComparer.Ordinal);
        // Devices that share a buffer each say its length.
        foreach (
            var group in lines
                .Select(static line => ComputeLine().Match(line))
                .Where(static match => match.Success)
                .GroupBy(static match => match.Groups["device"].Value)
        )
            compute[group.Key] = group.GroupBy(static match => match.Groups["kind"].Value).Sum(static kind => kind.Max(Bytes));
        return new LanguageMemory(cache, compute, trained);
    }

    private static LlamaModelHandle Load(string path, int gpuLayerCount, bool isRepacked)
    {
        nint none = 0;
        llama_model_params parameters = LlamaEdition.ModelDefaults();
        if (gpuLayerCount == 0)
            parameters.devices = &none;
        parameters.n_gpu_layers = gpuLayerCount;
        parameters.use_extra_bufts = isRepacked ? (byte)1 : (byte)0;
        parameters.load_mode = LibLlama.LLAMA_LOAD_MODE_NONE;
        parameters.no_alloc = 1;
        var model = new LlamaModelHandle(LlamaEdition.LoadModel(path, parameters));
        return model.IsInvalid
            ? throw new ModelFileException(path, $"llama.cpp cannot load it as a language model: {NativeLog.TakeErrors()}.")
            : model;
    }

    private static long Bytes(Match match) => (long)(double.Parse(match.Groups["size"].Value, CultureInfo.InvariantCulture) * (1 << 20));

    // "llama_kv_cache: size = 8.00 MiB (2048 cells, ...", one for each cache of a model that has several.
    [GeneratedRegex(@"size = +(?<size>[\d.]+) MiB \( *\d+ cells")]
    private static partial Regex CacheLine();

    [GeneratedRegex(@"(?<device>\S+) +(?<kind>compute|output) buffer size = +(?<size>[\d.]+) MiB$")]
    private static partial Regex ComputeLine();
}
