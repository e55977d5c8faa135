using System.Globalization;
using System.Text.Json;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>What the several files of a tokenizer add to its vocabulary.</summary>
internal static class TokenizerFiles
{
    /// <summary>The added tokens of tokenizer.json.</summary>
    public static IEnumerable<AddedToken> AddedTokens(Settings tokenizer)
    {
        if (!tokenizer.TryGet("added_tokens", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw tokenizer.Wrong("added_tokens", "an array of objects");
            var token = new Settings(tokenizer.Path, item, "added_tokens.");
            long id = token.TryCount("id") ?? throw token.Wrong("id", "there");
            yield return new AddedToken(
                id,
                token.TryText("content") ?? throw token.Wrong("content", "a text"),
                token.TryFlag("special") == true
            );
        }
    }

    /// <summary>The added_tokens_decoder of tokenizer_config.json: token ids with what they stand for.</summary>
    public static IEnumerable<AddedToken> DecoderTokens(CheckpointFolder folder)
    {
        if (folder.TryReadSettings("tokenizer_config.json")?.Child("added_tokens_decoder") is not Settings decoder)
            yield break;
        foreach (JsonProperty entry in decoder.Root.EnumerateObject())
        {
            if (
                !long.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out long id)
                || entry.Value.ValueKind != JsonValueKind.Object
            )
                throw decoder.Wrong(CheckpointFolder.Shown(entry.Name), "a token under its id");
            var token = new Settings(decoder.Path, entry.Value);
            yield return new AddedToken(
                id,
                token.TryText("content") ?? throw token.Wrong("content", "a text"),
                token.TryFlag("special") == true
            );
        }
    }

    /// <summary>Whether special tokens take the blanks behind them away, as Phi-3's do.</summary>
    public static bool SwallowsBlanks(CheckpointFolder folder)
    {
        IEnumerable<JsonElement> tokens =
            folder.TryReadSettings("tokenizer_config.json")?.Child("added_tokens_decoder") is Settings decoder
                ? decoder.Root.EnumerateObject().Select(static entry => entry.Value)
            : folder.TryReadSettings("tokenizer.json") is Settings tokenizer
            && tokenizer.TryGet("added_tokens", out JsonElement list)
            && list.ValueKind == JsonValueKind.Array
                ? list.EnumerateArray()
            : [];
        return tokens.Any(static token =>
            token.ValueKind == JsonValueKind.Object
            && token.TryGetProperty("rstrip", out JsonElement strips)
            && strips.ValueKind == JsonValueKind.True
        );
    }

    /// <summary>added_tokens.json: texts with their ids.</summary>
    public static IEnumerable<(string Text, long Id)> AddedTexts(CheckpointFolder folder)
    {
        if (folder.TryReadSettings("added_tokens.json") is not Settings added)
            yield break;
        foreach (JsonProperty entry in added.Root.EnumerateObject())
            yield return (entry.Name, IdOf(added, entry));
    }

    /// <summary>An id that stands behind a text.</summary>
    public static long IdOf(Settings file, JsonProperty entry) =>
        entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt64(out long id) && id >= 0
            ? id
            : throw file.Wrong(CheckpointFolder.Shown(entry.Name), "a token's id");
}
