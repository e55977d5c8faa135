using Tessera.Gguf;

namespace Tessera;

/// <summary>The numbers that shape a language model, as libllama's asserts want them (v0.5.0: src/llama-model.cpp, load_hparams).</summary>
internal static class LanguageModelDimensions
{
    // LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS of src/llama-hparams.h; the others only keep a claim from becoming an allocation.
    private static readonly (string Suffix, uint Least, uint Most)[] Bounds =
    [
        ("block_count", 1, 512), ("embedding_length", 1, 1 << 20), ("attention.head_count", 1, 1 << 16), ("attention.head_count_kv", 0, 1 << 16),
        ("attention.key_length", 1, 1 << 16), ("attention.value_length", 1, 1 << 16), ("rope.dimension_count", 0, 1 << 16),
        ("feed_forward_length", 0, 1 << 24), ("expert_count", 0, 1024), ("expert_used_count", 0, 1024), ("expert_group_count", 0, 1024),
    ];

    // Architectures whose graphs assert that keys and values are of one length and, but for phi3, that all of it is rotated
    // (src/models/*.cpp): those that vision-language models are made of. Of the others, llama.cpp's own message must do.
    private static readonly string[] WholeHeads =
    [
        "llama", "llama4", "mistral3", "internlm2", "phi3", "granite", "granitemoe", "minicpm", "smollm3", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe",
    ];

    private static readonly string[] RopeScalings = ["none", "linear", "yarn", "longrope"];

    /// <exception cref="ModelFileException">A number cannot be, or two contradict each other.</exception>
    public static void Check(GgufFile file, string architecture)
    {
        foreach ((string suffix, uint least, uint most) in Bounds) CheckBound(file, $"{architecture}.{suffix}", least, most);
        CheckHeads(file, architecture);
        CheckExperts(file, architecture);
        CheckEpsilon(file, $"{architecture}.attention.layer_norm_rms_epsilon");
        CheckEpsilon(file, $"{architecture}.attention.layer_norm_epsilon");
        if (Number(file, $"{architecture}.nextn_predict_layers") > Number(file, $"{architecture}.block_count"))
            throw LanguageModelFile.Damaged(file, $"{architecture}.nextn_predict_layers is more than {architecture}.block_count");
        if (file.Metadata.TryGetString($"{architecture}.rope.scaling.type", out string? scaling) && !RopeScalings.Contains(scaling))
            throw LanguageModelFile.Damaged(file, $"{architecture}.rope.scaling.type is none of {string.Join(", ", RopeScalings)}");
    }

    // Some architectures give a dimension for each block; those are left to libllama, which checks their number.
    private static void CheckBound(GgufFile file, string key, uint least, uint most)
    {
        if (!IsNumber(file, key)) return;
        uint number = file.Metadata.RequireUInt32(key);
        if (number < least || number > most) throw LanguageModelFile.Damaged(file, $"{key} is {number}, not within {least} to {most}");
    }

    private static void CheckHeads(GgufFile file, string architecture)
    {
        uint heads = Number(file, $"{architecture}.attention.head_count"), keyHeads = Number(file, $"{architecture}.attention.head_count_kv");
        if (heads == 0) return;
        if (keyHeads > 0 && heads % keyHeads != 0)
            throw LanguageModelFile.Damaged(file, $"{architecture}.attention.head_count is {heads}, no multiple of {architecture}.attention.head_count_kv, {keyHeads}");
        uint width = Number(file, $"{architecture}.embedding_length");
        uint keyLength = Number(file, $"{architecture}.attention.key_length", width / heads), valueLength = Number(file, $"{architecture}.attention.value_length", width / heads);
        uint rotated = Number(file, $"{architecture}.rope.dimension_count");
        if (rotated % 2 != 0 || rotated > keyLength) throw LanguageModelFile.Damaged(file, $"{architecture}.rope.dimension_count is {rotated} with heads of {keyLength}");
        if (!WholeHeads.Contains(architecture)) return;
        if (keyLength != valueLength)
            throw LanguageModelFile.Damaged(file, $"{architecture}.attention.key_length is {keyLength} and {architecture}.attention.value_length {valueLength}");
        if (architecture != "phi3" && IsNumber(file, $"{architecture}.rope.dimension_count") && rotated != keyLength)
            throw LanguageModelFile.Damaged(file, $"{architecture}.rope.dimension_count is {rotated} with heads of {keyLength}");
    }

    private static void CheckExperts(GgufFile file, string architecture)
    {
        uint count = Number(file, $"{architecture}.expert_count"), used = Number(file, $"{architecture}.expert_used_count");
        uint groups = Number(file, $"{architecture}.expert_group_count"), usedGroups = Number(file, $"{architecture}.expert_group_used_count");
        // The number used may be an array, one for each block, which libllama reads itself.
        bool usedIsArray = file.Metadata.ContainsKey($"{architecture}.expert_used_count") && !IsNumber(file, $"{architecture}.expert_used_count");
        bool usesThem = count == 0 ? used == 0 && groups == 0 : used <= count && groups < count && (used > 0 || usedIsArray);
        bool groupsFit = groups <= 1 || (count % groups == 0 && usedGroups > 0 && usedGroups < groups);
        if (!usesThem || !groupsFit)
            throw LanguageModelFile.Damaged(file, $"{architecture}.expert_count is {count} with {used} experts used, {groups} groups and {usedGroups} groups used");
    }

    private static void CheckEpsilon(GgufFile file, string key)
    {
        if (file.Metadata.TryGetValue(key, out GgufValue? value) && value.TryGet(out float epsilon) && !(epsilon >= 0 && float.IsFinite(epsilon)))
            throw LanguageModelFile.Damaged(file, $"{key} is {epsilon.ToString(System.Globalization.CultureInfo.InvariantCulture)}");
    }

    private static bool IsNumber(GgufFile file, string key) => file.Metadata.TryGetValue(key, out GgufValue? value) && value.Type != GgufValueType.Array;

    private static uint Number(GgufFile file, string key, uint standard = 0) => IsNumber(file, key) ? file.Metadata.RequireUInt32(key) : standard;
}
