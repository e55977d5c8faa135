using Tessera.Gguf;

namespace Tessera;

/// <summary>Checks a language model's file before libllama reads it, whose own checks may abort the process.</summary>
internal static class LanguageModelFile
{
    private static readonly (string Suffix, uint Limit)[] Dimensions =
    [
        ("block_count", 1 << 14), ("embedding_length", 1 << 20), ("attention.head_count", 1 << 16),
    ];

    /// <exception cref="ModelFileException">It is damaged, a vision projector, or lacks what every language model has.</exception>
    public static void Check(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        if (!file.Metadata.TryGetString("general.architecture", out string? architecture))
            throw new ModelFileException(path, "general.architecture is missing, so it is no language model.");
        if (architecture == "clip")
            throw new ModelFileException(path, "it is a vision projector (general.architecture is 'clip'), not a language model: give it with --mmproj and the language model with -m.");
        foreach ((string suffix, uint limit) in Dimensions) CheckDimension(file, $"{architecture}.{suffix}", limit);
        if (!file.Metadata.ContainsKey("tokenizer.ggml.tokens")) throw new ModelFileException(path, "tokenizer.ggml.tokens is missing, so it has no vocabulary.");
    }

    // Some architectures give a dimension for each block; those are left to libllama.
    private static void CheckDimension(GgufFile file, string key, uint limit)
    {
        if (!file.Metadata.TryGetValue(key, out GgufValue? value) || value.Type == GgufValueType.Array) return;
        uint number = file.Metadata.RequireUInt32(key);
        if (number == 0 || number > limit) throw new ModelFileException(file.Path, $"{key} is {number}, not within 1 to {limit}.");
    }
}
