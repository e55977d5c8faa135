using System.Text.Json;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// Which tokens begin, end, pad, ..., whether a text gets them, and the chat template, as tokenizer.json, tokenizer_config.json and
/// config.json say it; the first word counts. Source of the rules: ggml-org/llama.cpp v0.5.0, gguf-py/gguf/vocab.py, SpecialVocab.
/// </summary>
internal sealed class SpecialTokens
{
    private static readonly Dictionary<string, string> KeyNames = new(StringComparer.Ordinal)
    {
        ["bos"] = "bos",
        ["eos"] = "eos",
        ["unk"] = "unknown",
        ["sep"] = "seperator",
        ["pad"] = "padding",
        ["mask"] = "mask",
        ["eot"] = "eot",
        ["eom"] = "eom",
        ["cls"] = "",
    };

    private readonly List<string> types = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"];
    private readonly Dictionary<string, long> ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> adds = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> texts = new(StringComparer.Ordinal);
    private readonly long tokenCount;
    private readonly List<(string Name, string Text)> templates = [];
    private bool? lowercases,
        stripsAccents;

    /// <param name="folder">The checkpoint.</param>
    /// <param name="config">The language model's configuration.</param>
    /// <param name="tokenCount">Tokens of the vocabulary; an id beyond them is left out.</param>
    /// <param name="find">Finds a token's id by its text, for tokenizers whose files do not say it; null where they do.</param>
    public SpecialTokens(CheckpointFolder folder, Settings config, long tokenCount, Func<string, long?>? find = null)
    {
        this.tokenCount = tokenCount;
        Settings? tokenizer = folder.TryReadSettings("tokenizer.json"),
            tokenizerConfig = folder.TryReadSettings("tokenizer_config.json");
        AddedToken[] added = tokenizer is null ? [] : [.. TokenizerFiles.AddedTokens(tokenizer)];
        if (tokenizerConfig is not null)
            foreach (string type in types)
                if (TokenText(tokenizerConfig, $"{type}_token") is string text)
                    texts[type] = text;
        if (tokenizer is not null)
            ReadTokenizer(tokenizer, tokenizerConfig is not null);
        if (tokenizerConfig is not null)
            ReadConfig(folder, tokenizerConfig, added, find);
        foreach (string type in types.ToArray())
            ReadId(type, config);
    }

    /// <summary>Sets an id where no file said it.</summary>
    public void SetIfUnknown(string type, long? id)
    {
        if (id is long known && known >= 0 && known < tokenCount)
            ids.TryAdd(type, known);
    }

    /// <summary>Sets an id whatever the files said.</summary>
    public void Replace(string type, long id) => ids[type] = id;

    /// <summary>Writes the keys.</summary>
    public void Write(Metadata metadata)
    {
        foreach ((string type, long id) in ids)
            if (KeyNames[type].Length > 0)
                metadata.Set($"tokenizer.ggml.{KeyNames[type]}_token_id", id);
        foreach ((string type, bool value) in adds)
            if (type is "bos" or "eos" or "sep")
                metadata.Set($"tokenizer.ggml.add_{type}_token", value);
        foreach ((string name, string text) in templates)
            metadata.Set(name == "default" ? "tokenizer.chat_template" : $"tokenizer.chat_template.{name}", text);
        string[] others = [.. templates.Select(static template => template.Name).Where(static name => name != "default").Distinct()];
        if (others.Length > 0)
            metadata.Set("tokenizer.chat_templates", others);
        if (lowercases is bool lower)
            metadata.Set("tokenizer.ggml.normalizer.lowercase", lower);
        if (stripsAccents is bool strip)
            metadata.Set("tokenizer.ggml.normalizer.strip_accents", strip);
    }

    private void ReadTokenizer(Settings tokenizer, bool hasConfig)
    {
        if (tokenizer.Child("normalizer") is Settings normalizer)
            ReadNormalizer(normalizer, 0);
        if (!texts.ContainsKey("bos") && texts.TryGetValue("cls", out string? first))
            texts["bos"] = first;
        if (!texts.ContainsKey("eos") && texts.TryGetValue("sep", out string? last))
            texts["eos"] = last;
        if (tokenizer.Child("post_processor") is not Settings processor)
            return;
        foreach (Settings step in Steps(processor, "processors").DefaultIfEmpty(processor))
        {
            if (step.TryText("type") == "RobertaProcessing")
                (adds["bos"], adds["eos"], adds["sep"]) = (true, true, true);
            if (step.TryText("type") == "TemplateProcessing")
                ReadTemplate(step, hasConfig);
        }
    }

    // [first] text [last], and of pairs [first] a [separator] b [last].
    private void ReadTemplate(Settings template, bool hasConfig)
    {
        string?[] single = Parts(template, "single"),
            pair = Parts(template, "pair");
        string? first = single.Length > 1 ? single[0] : null,
            last = single.Length > 1 ? single[^1] : null;
        if (first is not null)
        {
            if (!hasConfig || !texts.ContainsKey("bos"))
                texts.TryAdd("bos", first);
            texts.TryAdd("cls", first);
            adds["bos"] = first == texts.GetValueOrDefault("bos") || first == texts.GetValueOrDefault("cls");
        }

        if (last is not null)
        {
            if (texts.TryGetValue("eos", out string? end) && end != last && !types.Contains("eot"))
            {
                types.Add("eot");
                texts["eot"] = end;
            }

            texts["eos"] = last;
            adds["eos"] = true;
        }

        int start = first is not null && pair.FirstOrDefault() == first ? 1 : 0,
            stop = last is not null && pair.LastOrDefault() == last ? 1 : 0;
        if (pair.Length <= start + stop)
            return;
        string?[] between = pair[start..^stop];
        if (between.Length < 3 || between[0] is not null || between[^1] is not null)
            return;
        string? separator = between[1];
        string?[] separators = [texts.GetValueOrDefault("sep"), texts.GetValueOrDefault("eos")];
        adds["sep"] =
            (separator is not null && separators.Contains(separator) && last is null)
            || (between.Length == 4 && between[2] is not null && separators.Contains(between[2]));
        if (adds["sep"] && texts.TryGetValue("eos", out string? eos))
            texts.TryAdd("sep", eos);
    }

    private void ReadNormalizer(Settings normalizer, int depth)
    {
        switch (normalizer.TryText("type"))
        {
            case "Lowercase":
                lowercases = true;
                break;
            case "StripAccents":
                stripsAccents = true;
                break;
            case "BertNormalizer":
                lowercases = normalizer.TryFlag("lowercase") ?? lowercases;
                stripsAccents = normalizer.TryFlag("strip_accents") ?? stripsAccents;
                break;
            case "Sequence" when depth < 8:
                foreach (Settings step in Steps(normalizer, "normalizers"))
                    ReadNormalizer(step, depth + 1);
                break;
        }
    }

    private void ReadConfig(CheckpointFolder folder, Settings tokenizerConfig, AddedToken[] added, Func<string, long?>? find)
    {
        ReadChatTemplate(folder, tokenizerConfig);
        foreach (string type in types)
        {
            if (tokenizerConfig.TryFlag($"add_{type}_token") is bool isAdded)
                adds[type] = isAdded;
            if (!texts.TryGetValue(type, out string? text))
                continue;
            long? id = added.Where(token => token.Text == text).Select(static token => (long?)token.Id).FirstOrDefault();
            // A prompt cannot be laid out without these two.
            SetIfUnknown(type, id ?? (added.Length == 0 && find is not null && type is "bos" or "eos" ? find?.Invoke(text) : null));
        }
    }

    private void ReadChatTemplate(CheckpointFolder folder, Settings tokenizerConfig)
    {
        if (tokenizerConfig.TryGet("chat_template", out JsonElement given))
        {
            if (given.ValueKind == JsonValueKind.String)
                templates.Add(("default", given.GetString()!));
            if (given.ValueKind != JsonValueKind.Array)
                return;
            foreach (JsonElement choice in given.EnumerateArray().Where(static choice => choice.ValueKind == JsonValueKind.Object))
            {
                var named = new Settings(tokenizerConfig.Path, choice);
                string name = string.Concat(
                    (named.TryText("name") ?? "").Select(static letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_')
                );
                if (name.Length > 0 && named.TryText("template") is string text)
                    templates.Add((name, text));
            }

            return;
        }

        string? beside =
            folder.TryReadText("chat_template.jinja") ?? folder.TryReadSettings("chat_template.json")?.TryText("chat_template");
        if (beside is not null)
            templates.Add(("default", beside));
    }

    private void ReadId(string type, Settings config)
    {
        if (config.TryGet($"{type}_token_id", out JsonElement id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out long value))
            SetIfUnknown(type, value);
    }

    private static string? TokenText(Settings config, string key) =>
        config.TryText(key)
        ?? (
            config.TryGet(key, out JsonElement token) && token.ValueKind == JsonValueKind.Object
                ? config.Child(key)!.TryText("content")
                : null
        );

    // The parts of a template: a special token's text, or null for a sequence.
    private static string?[] Parts(Settings template, string key) =>
        [.. Steps(template, key).Select(static part => part.Child("SpecialToken")?.TryText("id"))];

    private static IEnumerable<Settings> Steps(Settings parent, string key) =>
        parent.TryGet(key, out JsonElement steps) && steps.ValueKind == JsonValueKind.Array
            ? steps
                .EnumerateArray()
                .Where(static step => step.ValueKind == JsonValueKind.Object)
                .Select(step => new Settings(parent.Path, step))
            : [];
}
