using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>A tower as LAVIS stores it, which no configuration tells of: dimensions are the tensors' own.</summary>
/// <param name="source">The tensors, named as <see cref="LavisNames"/> says.</param>
internal abstract class LavisTower(VisionSource source)
{
    /// <summary>The norm behind the tower, ln_vision.</summary>
    protected const string PostNorm = "tower.post_layernorm";

    // torch.nn.LayerNorm's, which ln_vision is.
    private const double NormEpsilon = 1e-5;

    protected VisionSource Source => source;

    public abstract long Width { get; }

    public abstract long BlockCount { get; }

    /// <summary>The letters of the rules' shapes.</summary>
    public abstract IEnumerable<(char, long)> Letters { get; }

    /// <summary>Sets the tower's keys.</summary>
    public void SetKeys(Metadata metadata)
    {
        SetOwnKeys(metadata);
        metadata.Set("clip.vision.post_norm_epsilon", NormEpsilon);
    }

    protected abstract void SetOwnKeys(Metadata metadata);

    /// <summary>The tower's tensors.</summary>
    public abstract IEnumerable<TensorRule> Rules();

    /// <summary>The norm behind the tower, which keeps what it was made with where no file holds it.</summary>
    public virtual IEnumerable<(string Name, TensorValues Values)> Extra() =>
        source.Tensors.ContainsKey(PostNorm + ".weight") ? [] : [("v.post_ln.weight", Filled(1)), ("v.post_ln.bias", Filled(0))];

    protected TensorValues Filled(float value) => TensorValues.Of([Width], [.. Enumerable.Repeat(value, (int)Width)]);

    /// <summary>Blocks that are run. What was trained on is saved by the model that runs it, under visual_encoder; a tower's own file may
    /// hold one more, which load_state_dict leaves.</summary>
    /// <param name="prefix">Of the blocks' names.</param>
    /// <param name="hasOneMore">Whether the tower's own file does.</param>
    protected long UsedBlocks(string prefix, bool hasOneMore)
    {
        long saved = CountBlocks(source, prefix, LavisPieces.Prefix + "visual_encoder.");
        return saved > 0 ? saved : CountBlocks(source, prefix) - (hasOneMore ? 1 : 0);
    }

    /// <summary>Blocks that there are.</summary>
    public static long CountBlocks(VisionSource source, string prefix, string storedPrefix = "") =>
        source
            .Tensors.Where(pair =>
                pair.Key.StartsWith(prefix, StringComparison.Ordinal) && pair.Value.Name.StartsWith(storedPrefix, StringComparison.Ordinal)
            )
            .Select(static pair => TensorMapper.Pattern(pair.Key).Block + 1)
            .DefaultIfEmpty(0)
            .Max();

    /// <summary>A configuration of what the tensors tell.</summary>
    public static Settings Made(VisionSource source, Dictionary<string, double> numbers)
    {
        IEnumerable<string> entries = numbers.Select(static pair =>
            string.Create(CultureInfo.InvariantCulture, $"\"{pair.Key}\":{pair.Value}")
        );
        return new Settings(source.Config.Path, JsonDocument.Parse($"{{{string.Join(',', entries)}}}").RootElement);
    }

    /// <summary>Patches along a side, by the positions of them and a class token.</summary>
    protected static int SquareSide(StoredTensor positions)
    {
        long count = positions.Shape.Length is 2 or 3 ? positions.Shape[^2] - 1 : 0;
        int side = (int)Math.Sqrt(count);
        return side > 0 && (long)side * side == count && side < 1 << 10 ? side : throw positions.Fail("is no square table of positions.");
    }
}
