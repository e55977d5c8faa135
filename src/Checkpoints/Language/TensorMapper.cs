using System.Globalization;
using System.Text.RegularExpressions;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Language;

/// <summary>Turns a checkpoint's tensors into a file's by rules, checks their shapes, and knows which of them it used.</summary>
/// <param name="origin">The folder, for messages.</param>
/// <param name="type">The type of the file's matrices.</param>
internal sealed partial class TensorMapper(string origin, GgufTensorType type)
{
    private static readonly string[] Suffixes = ["", ".weight", ".bias"];
    private readonly List<TargetTensor> targets = [];
    private readonly HashSet<string> targetNames = new(StringComparer.Ordinal);

    /// <summary>What has been made so far, in order.</summary>
    public IReadOnlyList<TargetTensor> Targets => targets;

    /// <summary>The type of most bytes that were quantized already; null where none were.</summary>
    public GgufTensorType? Blocks =>
        targets
            .Where(static target => target.Values.Blocks is not null)
            .GroupBy(static target => target.Type, static target => target.ByteLength)
            .MaxBy(static group => group.Sum())
            ?.Key;

    /// <summary>Maps the tensors that a rule knows.</summary>
    /// <param name="tensors">By their names as the rules have them.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="dimensions">The lengths that the rules' shapes name.</param>
    /// <param name="blockCount">How many blocks there must be.</param>
    /// <param name="used">Gains the names of what a rule knew.</param>
    /// <param name="read">A tensor's values, by its name as the rules have it; null for what is stored.</param>
    /// <exception cref="CheckpointException">A tensor has another shape.</exception>
    public void Map(
        IReadOnlyDictionary<string, StoredTensor> tensors,
        IReadOnlyList<TensorRule> rules,
        Dimensions dimensions,
        long blockCount,
        ISet<string> used,
        Func<string, StoredTensor, TensorValues>? read = null
    )
    {
        Dictionary<string, TensorRule> bySource = rules.ToDictionary(static rule => rule.Source, StringComparer.Ordinal);
        foreach ((string name, StoredTensor tensor) in tensors)
        {
            if (Find(bySource, name) is not (TensorRule rule, string suffix, long block))
                continue;
            used.Add(name);
            if (block >= blockCount)
                continue;
            Check(tensor, rule, suffix, dimensions);
            Add(rule, tensor, read?.Invoke(name, tensor) ?? TensorValues.Of(tensor), suffix, block);
        }
    }

    /// <summary>Adds a tensor that was made otherwise.</summary>
    public void Add(string name, string source, TensorValues values, bool isFull = false) =>
        Add(new TargetTensor(name, source, values, isFull ? GgufTensorType.F32 : TypeOf(name, values)));

    /// <summary>The name with its first number, if any, as a pattern, and the number.</summary>
    public static (string Pattern, long Block) Pattern(string name)
    {
        Match match = BlockIndex().Match(name);
        if (!match.Success)
            return (name, -1);
        return (
            $"{name[..match.Groups[1].Index]}{{}}{name[(match.Groups[1].Index + match.Groups[1].Length)..]}",
            long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        );
    }

    // As the name stands, so that a layer's own number is no block's, and then with its first number as a block's.
    private static (TensorRule Rule, string Suffix, long Block)? Find(Dictionary<string, TensorRule> bySource, string name)
    {
        foreach ((string pattern, long block) in (ReadOnlySpan<(string, long)>)[(name, -1), Pattern(name)])
        {
            foreach (string suffix in Suffixes)
            {
                bool ends = pattern.EndsWith(suffix, StringComparison.Ordinal);
                if (ends && bySource.TryGetValue(pattern[..^suffix.Length], out TensorRule? rule) && rule.IsWhole == (suffix.Length == 0))
                    return (rule, suffix, block);
            }
        }

        return null;
    }

    private void Add(TensorRule rule, StoredTensor tensor, TensorValues values, string suffix, long block)
    {
        string number = block.ToString(CultureInfo.InvariantCulture);
        if (values.Blocks is not null && (rule.Change is not null || rule.Split is not null))
            throw tensor.Fail($"is stored as {tensor.TypeName}, but would have to be changed, which F32, F16 and BF16 can be only.");
        if (rule.Split is not null)
        {
            foreach ((string target, TensorValues part) in rule.Split(values))
                Add(Typed(rule, target.Replace("{}", number) + suffix, tensor.Name, part));
            return;
        }

        if (rule.Change is not null)
            values = rule.Change(values);
        Add(Typed(rule, rule.Target.Replace("{}", number) + suffix, tensor.Name, values));
    }

    private TargetTensor Typed(TensorRule rule, string name, string source, TensorValues values)
    {
        if (values.Blocks is GgufTensorType blocks)
            return new TargetTensor(name, source, values, blocks);
        GgufTensorType stored =
            rule.IsFull || values.Shape.Length == 1 ? GgufTensorType.F32 : rule.Type?.Invoke(type) ?? TypeOf(name, values);
        if (stored == GgufTensorType.Q8_0 && values.RowLength % 32 != 0)
            stored = GgufTensorType.F16;
        return new TargetTensor(name, source, values, stored);
    }

    private void Add(TargetTensor target)
    {
        if (!targetNames.Add(target.Name))
            throw new CheckpointException(
                origin,
                $"tensor '{CheckpointFolder.Shown(target.Source)}' would become '{target.Name}', as another does."
            );
        if (GgufTensorTypes.TryMeasure(target.Type, target.Shape, out _, out _, out string? problem))
            targets.Add(target);
        else
            throw new CheckpointException(origin, $"tensor '{CheckpointFolder.Shown(target.Source)}' {problem}.");
    }

    // ggml-org/llama.cpp v0.5.0, conversion/base.py: prepare_tensors.
    private GgufTensorType TypeOf(string name, TensorValues values)
    {
        if (
            values.Shape.Length == 1
            || name.EndsWith("_norm.weight", StringComparison.Ordinal)
            || !name.EndsWith(".weight", StringComparison.Ordinal)
        )
            return GgufTensorType.F32;
        return type == GgufTensorType.Q8_0 && values.RowLength % 32 != 0 ? GgufTensorType.F16 : type;
    }

    private static void Check(StoredTensor tensor, TensorRule rule, string suffix, Dimensions dimensions)
    {
        if (rule.Shape.Length == 0)
            return;
        long[] expected = dimensions.Of(suffix == ".bias" ? rule.Shape[..1] : rule.Shape);
        if (!tensor.Shape.AsSpan().SequenceEqual(expected))
            throw tensor.Fail($"has the shape {ShapeText(tensor.Shape)}, but config.json makes it {ShapeText(expected)}.");
    }

    /// <summary>Requires the tensors that must be there.</summary>
    /// <exception cref="CheckpointException">One is missing.</exception>
    public void Require(IReadOnlyDictionary<string, StoredTensor> tensors, IReadOnlyList<TensorRule> rules, long blockCount)
    {
        foreach (TensorRule rule in rules.Where(static rule => !rule.IsOptional))
        {
            string end = rule.IsWhole ? "" : ".weight";
            long count = rule.Source.Contains("{}") ? blockCount : 1;
            string[] names =
            [
                .. Enumerable
                    .Range(0, (int)count)
                    .Where(block => rule.IsIn?.Invoke(block) != false)
                    .Select(block => rule.Source.Replace("{}", block.ToString(CultureInfo.InvariantCulture))),
            ];
            RequireAll(tensors, names, end);
            // What one block has, all have.
            if (!rule.IsWhole && names.Any(name => tensors.ContainsKey(name + ".bias")))
                RequireAll(tensors, names, ".bias");
        }
    }

    private void RequireAll(IReadOnlyDictionary<string, StoredTensor> tensors, string[] names, string end)
    {
        if (Array.Find(names, name => !tensors.ContainsKey(name + end)) is string missing)
            throw new CheckpointException(origin, $"tensor '{missing}{end}' is missing.");
    }

    private static string ShapeText(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    [GeneratedRegex(@"(?:^|\.)([0-9]{1,4})(?=\.)")]
    private static partial Regex BlockIndex();
}
