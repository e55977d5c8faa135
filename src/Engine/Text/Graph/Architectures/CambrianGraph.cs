using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// Cambrian-1's language model: LLaMA, and behind every n-th block a layer of the spatial vision aggregator, in which the rows of a
/// picture's cells look at the towers' maps again, each at its own windows, which stand beside it. Source: cambrian-mllm/cambrian 539ffc3,
/// cambrian/model/language_model/cambrian_llama.py; huggingface/transformers v5.12, models/llama/modeling_llama.py. Names: docs/gguf.md.
/// </summary>
/// <remarks>
/// The authors' code looks for the picture at the position of one prompt, config.image_position, and knows one picture; here each picture's
/// rows are changed wherever they stand.
/// </remarks>
internal sealed class CambrianGraph : LanguageGraph
{
    private const int MostWindowSide = 32;
    private readonly int headCount;
    private readonly int keyHeadCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Rotation rotation;
    private readonly WindowShape windows;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;
    private readonly WindowSampler?[] samplers; // behind the blocks that have one

    public CambrianGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, keyHeadCount, headWidth, epsilon) = (keys.HeadCount, keys.KeyHeadCount, keys.HeadWidth, keys.RmsEpsilon);
        keys.RequireMultiple("attention.head_count", headCount, "attention.head_count_kv", keyHeadCount);
        int rotated = keys.Has("rope.dimension_count") ? keys.Count("rope.dimension_count", headWidth) : headWidth;
        rotation = new Rotation(rotated, keys.Number("rope.freq_base", 10_000), 1 / keys.Number("rope.scaling.factor", 1))
        {
            Factors = weights.OptionalValues("rope_freqs.weight", rotated / 2),
        };
        LogitCount = keys.RowsOf(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight", Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width, isRms: true);
        blocks = [.. Enumerable.Range(0, keys.BlockCount).Select(index => Load(weights, $"blk.{index}.", keys.FeedForwardWidth))];
        windows = ReadWindows(keys);
        samplers = new WindowSampler?[blocks.Length];
        int start = keys.Index("sampler.start"),
            stride = keys.Count("sampler.stride", blocks.Length),
            count = keys.Count("sampler.block_count", blocks.Length);
        if (start + (long)(count - 1) * stride >= blocks.Length)
            throw keys.Wrong("sampler.block_count", $"{count}");
        for (int index = 0; index < count; index++)
            samplers[start + index * stride] = new WindowSampler(windows, weights, $"blk.{start + index * stride}.sampler.", Width);
    }

    public override int Width { get; }

    public override int BesideWidth => windows.BesideWidth;

    public override int LogitCount { get; }

    public override int TrainedLength { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, keyHeadCount, headWidth);

    public override int NodeCapacity(int viewCount) =>
        128
        + 48 * blocks.Length
        + (4 + WindowSampler.NodeCapacity(windows.WindowSides.Count)) * samplers.Count(static one => one is not null);

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = step.Rows(embeddings); // [width, rows]
        Tensor beside = step.Beside(Width);
        SeenWindows seen = beside.IsNull ? default : windows.Split(graph, beside);
        for (int index = 0; index < blocks.Length; index++)
        {
            x = Decode(step, index, x);
            if (samplers[index] is { } sampler && !beside.IsNull)
                x = graph.Add(x, graph.Multiply(sampler.Build(graph, x, seen), seen.Changes));
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    private Tensor Decode(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Block block = blocks[index];
        Tensor normed = block.AttentionNorm.Build(graph, x, epsilon);
        Tensor query = graph.Rotate(Attention.Heads(graph, block.Query.Build(graph, normed), headCount), step.Positions, rotation);
        Tensor key = graph.Rotate(Attention.Heads(graph, block.Key.Build(graph, normed), keyHeadCount), step.Positions, rotation);
        Tensor value = Attention.Heads(graph, block.Value.Build(graph, normed), keyHeadCount);
        x = graph.Add(x, block.Output.Build(graph, step.Attend(index, query, key, value, 1 / MathF.Sqrt(headWidth))));
        Tensor inner = block.FeedForwardNorm.Build(graph, x, epsilon);
        return graph.Add(x, block.Down.Build(graph, graph.SwiGlu(block.Gate.Build(graph, inner), block.Up.Build(graph, inner))));
    }

    private static WindowShape ReadWindows(LanguageKeys keys)
    {
        int width = keys.Count("sampler.embedding_length", 1 << 16),
            heads = keys.Count("sampler.head_count", width);
        keys.RequireMultiple("sampler.embedding_length", width, "sampler.head_count", heads);
        int[] sides = keys.Numbers("sampler.window_sides");
        return sides.Length is > 0 and <= 8 && sides.All(static side => side is > 0 and <= MostWindowSide)
            ? new WindowShape(width, heads, sides)
            : throw keys.Wrong("sampler.window_sides", string.Join(' ', sides.Take(8)));
    }

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "attn_q", Width, headCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_k", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_v", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_output", headCount * headWidth, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private sealed record Block(
        NormWeights AttentionNorm,
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights FeedForwardNorm,
        LinearWeights Gate,
        LinearWeights Up,
        LinearWeights Down
    );
}
