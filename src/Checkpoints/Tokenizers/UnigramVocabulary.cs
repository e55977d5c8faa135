using System.Text.Json;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>A Unigram tokenizer.json as libllama's vocabulary "t5": pieces with their log probabilities and the table of
/// normalizations.</summary>
internal static class UnigramVocabulary
{
    private const float AddedScore = 0;

    public static void Set(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        Settings tokenizer,
        long size,
        VocabularyOptions options
    )
    {
        Settings model = tokenizer.Child("model")!;
        if (!model.TryGet("vocab", out JsonElement pieces) || pieces.ValueKind != JsonValueKind.Array)
            throw model.Wrong("vocab", "an array");
        long unknown = model.TryCount("unk_id") ?? -1;
        var table = new TokenTable(tokenizer.Path, size);
        long id = 0;
        foreach (JsonElement piece in pieces.EnumerateArray())
        {
            if (
                piece.ValueKind != JsonValueKind.Array
                || piece.GetArrayLength() != 2
                || piece[0].ValueKind != JsonValueKind.String
                || piece[1].ValueKind != JsonValueKind.Number
            )
                throw model.Wrong("vocab", "an array of pieces with scores");
            table.Set(id, piece[0].GetString()!, (float)piece[1].GetDouble(), id == unknown ? TokenKind.Unknown : TokenKind.Normal);
            id++;
        }

        foreach (AddedToken token in TokenizerFiles.AddedTokens(tokenizer).Where(token => token.Id != unknown))
            table.Set(token, AddedScore);
        options.Change?.Invoke(table);
        table.Write(metadata, "t5", options.PreTokenizer ?? "default", withScores: true);
        string normalizer = tokenizer.Child("normalizer")?.Root.GetRawText() ?? "";
        metadata.Set("tokenizer.ggml.add_space_prefix", tokenizer.Child("pre_tokenizer") is not Settings pre || AddsSpace(pre));
        metadata.Set(
            "tokenizer.ggml.remove_extra_whitespaces",
            normalizer.Contains("{2,}", StringComparison.Ordinal) || normalizer.Contains("\"Precompiled\"", StringComparison.Ordinal)
        );
        if (CharacterMap(tokenizer.Child("normalizer"), 0) is string map)
            metadata.Set("tokenizer.ggml.precompiled_charsmap", Decode(tokenizer, map));
        Vocabulary.SetSpecials(metadata, folder, config, table, options);
    }

    private static byte[] Decode(Settings tokenizer, string map)
    {
        try
        {
            return Convert.FromBase64String(map);
        }
        catch (FormatException failure)
        {
            throw new CheckpointException(tokenizer.Path, "normalizer.precompiled_charsmap is not base64.", failure);
        }
    }

    private static bool AddsSpace(Settings step) =>
        step.TryText("prepend_scheme") is string scheme
            ? scheme != "never"
            : step.TryFlag("add_prefix_space") ?? !step.Root.GetRawText().Contains("\"never\"", StringComparison.Ordinal);

    private static string? CharacterMap(Settings? step, int depth)
    {
        if (step is null || depth > 8)
            return null;
        if (step.TryText("precompiled_charsmap") is string map)
            return map;
        if (!step.TryGet("normalizers", out JsonElement steps) || steps.ValueKind != JsonValueKind.Array)
            return null;
        return steps
            .EnumerateArray()
            .Where(static inner => inner.ValueKind == JsonValueKind.Object)
            .Select(inner => CharacterMap(new Settings(step.Path, inner), depth + 1))
            .FirstOrDefault(static found => found is not null);
    }
}
