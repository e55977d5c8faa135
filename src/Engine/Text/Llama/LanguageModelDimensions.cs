using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Text.Llama;

/// <summary>The numbers that shape a language model, as libllama's asserts and divisions want them: the table's rules, and what is no
/// integer.</summary>
internal sealed class LanguageModelDimensions
{
    private const int MostBlocks = 512; // LLAMA_MAX_LAYERS of src/llama-hparams.h, llama.cpp v0.5.0
    private const string SumSuffix = ".sum";
    private static readonly string[] RopeScalings = ["none", "linear", "yarn", "longrope"];
    private readonly GgufFile file;
    private readonly string architecture;
    private readonly ArchitectureTable table;
    private readonly Dictionary<string, long[]?> values = [];

    private LanguageModelDimensions(GgufFile file, string architecture, ArchitectureTable table) =>
        (this.file, this.architecture, this.table) = (file, architecture, table);

    /// <exception cref="ModelFileException">A number cannot be, or two contradict each other.</exception>
    public static void Check(GgufFile file, string architecture, ArchitectureTable table)
    {
        if (table.Unfit is { } reason)
            throw new ModelFileException(file.Path, $"a model of the architecture {architecture} cannot answer here: {reason}.");
        var dimensions = new LanguageModelDimensions(file, architecture, table);
        foreach (ArchitectureBound bound in table.Bounds)
            dimensions.CheckBound(bound);
        foreach (string key in table.Uniform)
            dimensions.CheckUniform(key);
        foreach (ArchitectureRule rule in table.Rules)
            dimensions.CheckRule(rule);
        CheckEpsilon(file, $"{architecture}.attention.layer_norm_rms_epsilon");
        CheckEpsilon(file, $"{architecture}.attention.layer_norm_epsilon");
        if (file.Metadata.TryGetString($"{architecture}.rope.scaling.type", out string? scaling) && !RopeScalings.Contains(scaling))
            throw LanguageModelFile.Damaged(file, $"{architecture}.rope.scaling.type is none of {string.Join(", ", RopeScalings)}");
    }

    private static void CheckEpsilon(GgufFile file, string key)
    {
        if (
            file.Metadata.TryGetValue(key, out GgufValue? value)
            && value.TryGet(out float epsilon)
            && !(epsilon >= 0 && float.IsFinite(epsilon))
        )
            throw LanguageModelFile.Damaged(file, $"{key} is {epsilon.ToString(CultureInfo.InvariantCulture)}");
    }

    private void CheckBound(ArchitectureBound bound)
    {
        string key = $"{architecture}.{bound.Key}";
        foreach (long number in Values(bound.Key) ?? [])
        {
            if (number < bound.Least || number > bound.Most)
                throw LanguageModelFile.Damaged(file, $"{key} is {number}, not within {bound.Least} to {bound.Most}");
        }
    }

    private void CheckUniform(string key)
    {
        if (Values(key) is { Length: > 1 } several && several.Any(number => number != several[0]))
            throw LanguageModelFile.Damaged(file, $"{architecture}.{key} is not the same for every block");
    }

    // Once for all blocks where no key differs among them.
    private void CheckRule(ArchitectureRule rule)
    {
        bool varies = rule.Keys.Any(key => key == "layer" || Values(key) is { Length: > 1 });
        int blockCount = (int)Math.Clamp(Values("block_count")?[0] ?? 1, 1, MostBlocks);
        for (int layer = 0; layer < (varies ? blockCount : 1); layer++)
        {
            if (rule.Evaluate(Find, layer) is not 0)
                continue;
            IEnumerable<string> found = rule
                .Keys.Select(key => (Key: key, Value: Find(key, layer)))
                .Where(static pair => pair.Value is not null)
                .Select(static pair => $"{pair.Key} is {pair.Value!.Value.ToString(CultureInfo.InvariantCulture)}");
            throw LanguageModelFile.Damaged(file, $"{string.Join(", ", found)}, against {architecture}'s rule {rule.Text}");
        }
    }

    private long? Find(string key, int layer)
    {
        if (key == "layer")
            return layer;
        if (Values(key) is { Length: > 0 } found)
            return found.Length == 1 ? found[0]
                : layer < found.Length ? found[layer]
                : null;
        if (key.EndsWith(SumSuffix, StringComparison.Ordinal))
        {
            string array = key[..^SumSuffix.Length];
            return Values(array) is { } numbers
                ? Clamped(numbers.Aggregate(Int128.Zero, static (sum, number) => sum + number))
                : Find(array, layer);
        }

        return table.Defaults.TryGetValue(key, out (ArchitectureRule Rule, bool IsOfFirst) standard)
            ? standard.Rule.Evaluate(Find, standard.IsOfFirst ? 0 : layer)
            : null;
    }

    // Null where there is no such key, or it is no integer or truth value; libllama reports other kinds itself.
    private long[]? Values(string key)
    {
        if (values.TryGetValue(key, out long[]? known))
            return known;
        return values[key] = file.Metadata.TryGetValue($"{architecture}.{key}", out GgufValue? value) ? Integers(value) : null;
    }

    private static long[]? Integers(GgufValue value)
    {
        if (value.Count is 0 or > 1 << 16)
            return null;
        if (value.TryGet(out bool truth))
            return [truth ? 1 : 0];
        if (value.TryGetArray(out ReadOnlyMemory<bool> truths))
            return [.. truths.ToArray().Select(static truth => truth ? 1L : 0)];
        var numbers = new long[value.Count];
        for (int index = 0; index < numbers.Length; index++)
        {
            if (!value.TryGetInteger(index, out Int128 number))
                return null;
            numbers[index] = Clamped(number);
        }

        return numbers;
    }

    private static long Clamped(Int128 number) => (long)Int128.Clamp(number, long.MinValue, long.MaxValue);
}
