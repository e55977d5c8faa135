using System.Globalization;
using Tessera.Checkpoints.Output;
using Tessera.Gguf;

namespace Tessera.Checkpoints;

/// <summary>
/// What a checkpoint's README.md says of itself at its top, and generation_config.json of sampling. Only the plain forms of YAML are read:
/// a key with a value, or with a list of values; anything else is passed over.
/// </summary>
internal sealed class ModelCard
{
    private const int MaxLineCount = 2000;
    private readonly Dictionary<string, List<string>> values = new(StringComparer.Ordinal);
    private readonly Settings? generation;

    public ModelCard(CheckpointFolder folder)
    {
        generation = folder.TryReadSettings("generation_config.json");
        using var reader = new StringReader(folder.TryReadText("README.md") ?? "");
        if (reader.ReadLine() != "---")
            return;
        string key = "";
        for (int count = 0; count < MaxLineCount && reader.ReadLine() is string line && line != "---"; count++)
        {
            if (line.TrimStart().StartsWith("- ", StringComparison.Ordinal) && values.TryGetValue(key, out List<string>? list))
            {
                list.Add(Plain(line.TrimStart()[2..]));
                continue;
            }

            int colon = line.IndexOf(':');
            if (colon <= 0 || char.IsWhiteSpace(line[0]))
                continue;
            key = line[..colon].Trim();
            values[key] = [];
            string value = line[(colon + 1)..].Trim();
            if (value.StartsWith('[') && value.EndsWith(']'))
                values[key].AddRange(value[1..^1].Split(',').Select(Plain).Where(static item => item.Length > 0));
            else if (value.Length > 0)
                values[key].Add(Plain(value));
        }
    }

    /// <summary>The model's name, if the card says it.</summary>
    public string? Name => Value("model_name") ?? Value("name");

    /// <summary>Sets what the card and the sampling settings say.</summary>
    public void SetKeys(Metadata metadata)
    {
        metadata.SetIfKnown(
            "general.license",
            values.TryGetValue("license", out List<string>? licenses) && licenses.Count > 0 ? string.Join(',', licenses) : null
        );
        metadata.SetIfKnown("general.license.name", Value("license_name"));
        metadata.SetIfKnown("general.license.link", Value("license_link"));
        string[] tags = [.. All("tags").Concat(All("pipeline_tag"))],
            languages = [.. All("languages").Concat(All("language"))];
        if (tags.Length > 0)
            metadata.Set("general.tags", tags);
        if (languages.Length > 0)
            metadata.Set("general.languages", languages);
        if (All("base_model").FirstOrDefault() is not string parent || parent.Count(static letter => letter == '/') != 1)
            return;
        metadata.Set("general.base_model.count", 1);
        metadata.Set("general.base_model.0.name", parent.Split('/')[1]);
        metadata.Set("general.base_model.0.organization", parent.Split('/')[0]);
    }

    /// <summary>Sets how the authors sample.</summary>
    public void SetSampling(Action<string, GgufValue> set)
    {
        if (generation is null)
            return;
        if (generation.TryCount("top_k") is long topK)
            set("general.sampling.top_k", GgufValue.From((int)topK));
        foreach (
            (string key, string name) in (ReadOnlySpan<(string, string)>)
                [("top_p", "top_p"), ("min_p", "min_p"), ("temperature", "temp"), ("repetition_penalty", "penalty_repeat")]
        )
            if (generation.TryNumber(key) is double value)
                set($"general.sampling.{name}", GgufValue.From((float)value));
    }

    /// <summary>A number of parameters for people, such as 7.1B (ggml-org/llama.cpp v0.5.0, gguf-py/gguf/utility.py).</summary>
    public static string SizeLabel(long parameterCount)
    {
        (double scale, string unit) = parameterCount switch
        {
            > 1_000_000_000_000 => (1e-12, "T"),
            > 1_000_000_000 => (1e-9, "B"),
            > 1_000_000 => (1e-6, "M"),
            _ => (1e-3, "K"),
        };
        double scaled = parameterCount * scale;
        int digits = Math.Max(2 - Math.Round(scaled).ToString(CultureInfo.InvariantCulture).TrimStart('0').Length, 0);
        return scaled.ToString($"F{digits}", CultureInfo.InvariantCulture) + unit;
    }

    private string? Value(string key) => All(key).FirstOrDefault();

    private List<string> All(string key) => values.GetValueOrDefault(key) ?? [];

    private static string Plain(string text)
    {
        string plain = text.Trim();
        return plain.Length >= 2 && plain[0] is '"' or '\'' && plain[^1] == plain[0] ? plain[1..^1] : plain;
    }
}
