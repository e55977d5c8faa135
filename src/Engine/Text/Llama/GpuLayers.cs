using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Text.Llama;

/// <summary>How much of a language model GPUs have room for.</summary>
internal static class GpuLayers
{
    // Rows that libllama computes at once (n_ubatch of llama_context_default_params, llama.cpp v0.5.0), and what their graph takes beside
    // the logits, at least.
    private const int RowsAtOnce = 512;
    private const long GraphBytes = 256L << 20;
    private const long MostTowerGraphBytes = 1L << 30;

    /// <summary>What the options say, and where they leave it open, as many as fit beside the vision tower: an estimate.</summary>
    /// <remarks>The native libraries must have been started.</remarks>
    public static int Choose(ModelOptions options, IReadOnlyList<GgufFile> parts)
    {
        if (options.GpuLayerCount >= 0)
            return options.GpuLayerCount;
        long free = GpuTasks.FreeBytes;
        if (free == 0)
            return 0;
        bool sharesWithTower = options.ProjectorPath is not null && ComputeDevice.FindGpu(options.VisionDevice) != 0;
        long tower = sharesWithTower ? new FileInfo(options.ProjectorPath!).Length + Math.Min(MostTowerGraphBytes, free / 8) : 0;
        return ThatFit(
            parts,
            free - tower,
            Math.Max(options.CacheLength, options.ContextLength > 0 ? options.ContextLength : ModelOptions.DefaultContextLimit)
        );
    }

    /// <summary>
    /// The number to give libllama, which places the output and then the last layers first (ggml-org/llama.cpp v0.5.0, src/llama-model.cpp,
    /// load_tensors): -1 for all.
    /// </summary>
    /// <param name="parts">The language model's files, the first one first.</param>
    /// <param name="freeBytes">Memory that the GPUs have free for it.</param>
    /// <param name="cacheLength">Positions of the KV cache.</param>
    public static int ThatFit(IReadOnlyList<GgufFile> parts, long freeBytes, int cacheLength)
    {
        GgufFile file = parts[0];
        string architecture = file.Metadata.TryGetString("general.architecture", out string? name) ? name : "";
        int layerCount = (int)Number(file, $"{architecture}.block_count");
        long[] layers = [.. Enumerable.Range(0, layerCount).Select(_ => CacheBytes(file, architecture) * cacheLength)];
        long output = 0,
            embeddings = 0;
        foreach (GgufTensor tensor in parts.SelectMany(static part => part.Tensors))
        {
            if (LayerOf(tensor.Name) is { } layer && layer < layerCount)
                layers[layer] += tensor.ByteLength;
            else if (tensor.Name == "token_embd.weight")
                embeddings = tensor.ByteLength;
            else
                output += tensor.ByteLength;
        }

        // Where there is no output matrix the embeddings serve as one, in a second copy.
        if (!parts.Any(static part => part.TryGetTensor("output.weight", out _)))
            output += embeddings;
        long room = freeBytes - freeBytes / 10 - GraphBytes - RowsAtOnce * sizeof(float) * VocabularySize(parts) - output;
        if (room < 0)
            return 0;
        int count = 1;
        for (int layer = layerCount - 1; layer >= 0 && (room -= layers[layer]) >= 0; layer--)
            count++;
        return count > layerCount ? -1 : count;
    }

    /// <summary>How much of the weights, and of the layers, is on GPUs when they get so many layers.</summary>
    public static (double Weights, double Layers) ShareOf(IReadOnlyList<GgufFile> parts, int gpuLayerCount)
    {
        GgufFile file = parts[0];
        string architecture = file.Metadata.TryGetString("general.architecture", out string? name) ? name : "";
        int layerCount = Math.Max(1, (int)Number(file, $"{architecture}.block_count"));
        if (gpuLayerCount == 0)
            return (0, 0);
        int first = gpuLayerCount < 0 ? 0 : Math.Max(0, layerCount - (gpuLayerCount - 1));
        GgufTensor[] tensors = [.. parts.SelectMany(static part => part.Tensors)];
        double onGpus = tensors
            .Where(tensor => LayerOf(tensor.Name) is { } layer ? layer >= first : tensor.Name != "token_embd.weight")
            .Sum(static tensor => (double)tensor.ByteLength);
        return (onGpus / Math.Max(1, tensors.Sum(static tensor => (double)tensor.ByteLength)), (double)(layerCount - first) / layerCount);
    }

    /// <summary>Bytes of the KV cache for each token, in F16, of a model whose layers all have one.</summary>
    public static long CacheBytesPerToken(IReadOnlyList<GgufFile> parts)
    {
        string architecture = parts[0].Metadata.TryGetString("general.architecture", out string? name) ? name : "";
        return CacheBytes(parts[0], architecture) * Number(parts[0], $"{architecture}.block_count");
    }

    private static int? LayerOf(string tensor)
    {
        string[] parts = tensor.Split('.', 3);
        return parts.Length == 3 && parts[0] == "blk" && int.TryParse(parts[1], out int layer) && layer >= 0 ? layer : null;
    }

    // Keys and values of one position in F16.
    private static long CacheBytes(GgufFile file, string architecture)
    {
        long heads = Math.Max(1, Number(file, $"{architecture}.attention.head_count"));
        long keyHeads = Number(file, $"{architecture}.attention.head_count_kv", heads);
        long width = Number(file, $"{architecture}.embedding_length") / heads;
        return sizeof(short)
            * keyHeads
            * (Number(file, $"{architecture}.attention.key_length", width) + Number(file, $"{architecture}.attention.value_length", width));
    }

    private static long VocabularySize(IReadOnlyList<GgufFile> parts) =>
        parts.SelectMany(static part => part.Tensors).FirstOrDefault(static tensor => tensor.Name == "token_embd.weight")?.Shape[^1] ?? 0;

    private static long Number(GgufFile file, string key, long standard = 0) =>
        file.Metadata.TryGetValue(key, out GgufValue? value) && value.Type != GgufValueType.Array
            ? file.Metadata.RequireUInt32(key)
            : standard;
}
