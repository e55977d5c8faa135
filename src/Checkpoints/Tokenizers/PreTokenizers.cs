using System.Text;
using System.Text.Json;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// How a byte-level tokenizer cuts a text into words before it merges, as libllama names it. Told by what tokenizer.json says is done, not
/// by which model says it. Source of the names and of what they do: ggml-org/llama.cpp v0.5.0, src/llama-vocab.cpp.
/// </summary>
internal static class PreTokenizers
{
    private const string Words = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Rest = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Upper = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Ending = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
    private const string SlashRest = @"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // What is done, as Describe writes it. Whole words first stands behind it where the merges are ignored for them.
    private static readonly Dictionary<string, string> Names = new(StringComparer.Ordinal)
    {
        [$@"split {Words}\p{{N}}{{1,3}}{Rest};bytes;words"] = "llama-bpe",
        [$@"split {Words}\p{{N}}{{1,3}}{Rest};bytes"] = "dbrx",
        [$@"split {Words}\p{{N}}{Rest};bytes"] = "qwen2",
        [
            $@"split (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+;bytes"
        ] = "qwen35",
        [$@"split {Upper}*{Lower}+|{Upper}+{Lower}*|\p{{N}}{SlashRest};bytes;words"] = "tekken",
        [$@"split {Upper}*{Lower}+|{Upper}+{Lower}*|\p{{N}}{SlashRest};bytes"] = "tekken",
        [$@"split {Upper}*{Lower}+{Ending}|{Upper}+{Lower}*{Ending}|\p{{N}}{{1,3}}{SlashRest};bytes"] = "gpt-4o",
        ["bytes words"] = "gpt-2",
        ["digits each;bytes words"] = "smollm",
    };

    /// <summary>The name.</summary>
    /// <param name="tokenizer">tokenizer.json.</param>
    /// <exception cref="CheckpointException">libllama knows nothing that does the same.</exception>
    public static string NameOf(Settings tokenizer)
    {
        Settings? model = tokenizer.Child("model");
        string done = Describe(tokenizer.Child("pre_tokenizer")) + (model?.TryFlag("ignore_merges") == true ? ";words" : "");
        if (Names.TryGetValue(done, out string? name) || Names.TryGetValue(done.Replace(";words", "", StringComparison.Ordinal), out name))
            return name;
        throw new CheckpointException(
            tokenizer.Path,
            $"its pre-tokenizer does what no pre-tokenizer of libllama's is known to do: {CheckpointFolder.Shown(done)}."
        );
    }

    /// <summary>The name that a tokenizer without tokenizer.json goes by, told by its class.</summary>
    public static string NameOf(CheckpointFolder folder, string? tokenizerClass) =>
        tokenizerClass?.Replace("Fast", "", StringComparison.Ordinal) switch
        {
            "Qwen2Tokenizer" => "qwen2",
            "GPT2Tokenizer" or "GPTNeoXTokenizer" => "gpt-2",
            _ => throw new CheckpointException(
                folder.FullPath,
                $"vocab.json is there without tokenizer.json, and how the tokenizer class"
                    + $" '{CheckpointFolder.Shown(tokenizerClass ?? "")}' of tokenizer_config.json cuts words is not known."
            ),
        };

    private static string Describe(Settings? step)
    {
        if (step is null)
            return "nothing";
        string type = step.TryText("type") ?? "";
        return type switch
        {
            "Sequence" => string.Join(';', Steps(step).Select(Describe)),
            "ByteLevel" => step.TryFlag("use_regex") == false ? "bytes" : "bytes words",
            "Digits" => step.TryFlag("individual_digits") == true ? "digits each" : "digits",
            "Split"
                when step.Child("pattern") is Settings pattern
                    && step.TryText("behavior") is "Isolated"
                    && step.TryFlag("invert") != true => $"split {Plain(pattern.TryText("Regex") ?? "text " + pattern.TryText("String"))}",
            "Split" when step.TryText("behavior") is "Removed" && step.TryFlag("invert") == true =>
                $"split {Plain(step.Child("pattern")?.TryText("Regex") ?? "")}",
            _ => $"{type.ToLowerInvariant()} {step.TryText("behavior")}".TrimEnd(),
        };
    }

    private static IEnumerable<Settings> Steps(Settings sequence) =>
        sequence.TryGet("pretokenizers", out JsonElement steps) && steps.ValueKind == JsonValueKind.Array
            ? steps
                .EnumerateArray()
                .Where(static step => step.ValueKind == JsonValueKind.Object)
                .Select(step => new Settings(sequence.Path, step))
            : [];

    // Written out in several ways, the patterns are the same.
    private static string Plain(string pattern)
    {
        var plain = new StringBuilder(pattern).Replace("\r", "\\r").Replace("\n", "\\n");
        return plain
            .Replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "(?i:'s|'t|'re|'ve|'m|'ll|'d)")
            .Replace("(?i:[sdmt]|ll|ve|re)", "(?i:'s|'t|'re|'ve|'m|'ll|'d)")
            .ToString();
    }
}
