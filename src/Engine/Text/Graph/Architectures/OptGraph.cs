using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// OPT, which BLIP-2 speaks with: learned positions, layer norms in front, biases everywhere, ReLU, a head that is the embedding table.
/// Source: huggingface/transformers v5.12, models/opt/modeling_opt.py, with do_layer_norm_before and without projections (all released
/// sizes but 350M). Names as other architectures of llama.cpp have them.
/// </summary>
internal sealed class OptGraph : LanguageGraph
{
    // OPTLearnedPositionalEmbedding: the table's first rows are not used.
    private const int PositionOffset = 2;

    // torch.nn.LayerNorm's default, where the file says nothing.
    private const float StandardEpsilon = 1e-5f;
    private readonly int headCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor positions; // [width, positions + 2]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;

    public OptGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        headCount = keys.HeadCount;
        keys.RequireMultiple("embedding_length", Width, "attention.head_count", headCount);
        headWidth = Width / headCount;
        epsilon = keys.Has("attention.layer_norm_epsilon") ? keys.LayerEpsilon : StandardEpsilon;
        int positionRows = keys.RowsOf("position_embd.weight");
        if (positionRows <= PositionOffset)
            throw new ModelFileException(keys.Path, $"tensor 'position_embd.weight' has {positionRows} rows, too few for a position.");
        MostPositions = positionRows - PositionOffset;
        LogitCount = keys.RowsOf(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        positions = weights.Values("position_embd.weight", Width, positionRows);
        output = weights.Matrix(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight", Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width);
        blocks = [.. Enumerable.Range(0, keys.BlockCount).Select(index => Load(weights, $"blk.{index}.", keys.FeedForwardWidth))];
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength => MostPositions;

    public override int MostPositions { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, headCount, headWidth);

    public override int NodeCapacity(int viewCount) => 64 + 48 * blocks.Length;

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor used = graph.View(
            positions,
            (Width, MostPositions, 1, 1),
            (positions.Stride(1), positions.Stride(2), positions.Stride(3)),
            positions.Stride(1) * PositionOffset
        );
        Tensor x = graph.Add(step.Rows(embeddings), graph.Rows(used, step.Positions)); // [width, rows]
        for (int index = 0; index < blocks.Length; index++)
        {
            Block block = blocks[index];
            x = graph.Add(x, block.Output.Build(graph, Attend(step, index, block, block.AttentionNorm.Build(graph, x, epsilon))));
            Tensor inner = graph.Relu(block.Up.Build(graph, block.FeedForwardNorm.Build(graph, x, epsilon)));
            x = graph.Add(x, block.Down.Build(graph, inner));
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    private Tensor Attend(LanguageStep step, int index, Block block, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        return step.Attend(
            index,
            Attention.Heads(graph, block.Query.Build(graph, x), headCount),
            Attention.Heads(graph, block.Key.Build(graph, x), headCount),
            Attention.Heads(graph, block.Value.Build(graph, x), headCount),
            1 / MathF.Sqrt(headWidth)
        );
    }

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width),
            LinearWeights.Load(weights, prefix + "attn_q", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_k", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_v", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_output", Width, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width),
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
        LinearWeights Up,
        LinearWeights Down
    );
}
