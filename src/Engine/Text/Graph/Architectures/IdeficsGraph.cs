using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// IDEFICS' language model, an open Flamingo: LLaMA's blocks, and in front of every n-th one a block that looks at the latest picture,
/// behind gates. Rows before the first picture get nothing of it, but pass the block's feed-forward network, and so do all rows of prompts
/// without pictures. Source: huggingface/transformers v5.12, models/idefics/modeling_idefics.py; arXiv 2204.14198. Names: docs/gguf.md.
/// </summary>
internal sealed class IdeficsGraph : LanguageGraph
{
    // 64 rows each: what a few-shot prompt of pictures may need.
    private const int MostPictures = 32;
    private readonly int headCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly int interval;
    private readonly Rotation rotation;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;
    private readonly Crossing[] crossings; // in front of the blocks 0, n, 2 n, ...

    public IdeficsGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, epsilon) = (keys.HeadCount, keys.RmsEpsilon);
        keys.RequireMultiple("embedding_length", Width, "attention.head_count", headCount);
        headWidth = Width / headCount;
        interval = keys.Count("cross_attention.interval", 512);
        rotation = new Rotation(headWidth, keys.Number("rope.freq_base", 10_000));
        LogitCount = keys.RowsOf(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight", Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width, isRms: true);
        int inner = keys.FeedForwardWidth,
            memoryWidth = keys.Count("cross_attention.memory_length", 1 << 16),
            count = keys.BlockCount;
        Memory = new MemoryRule(memoryWidth, JoinsNeighbours: false, MostPictures);
        blocks = [.. Enumerable.Range(0, count).Select(index => Load(weights, $"blk.{index}.", inner))];
        crossings =
        [
            .. Enumerable
                .Range(0, count)
                .Where(index => index % interval == 0)
                .Select(index => LoadCrossing(weights, $"blk.{index}.xattn_", memoryWidth, inner)),
        ];
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, headCount, headWidth);

    public override MemoryRule Memory { get; }

    public override IReadOnlyList<CacheWidths> MemoryLayers => CacheWidths.Same(crossings.Length, headCount, headWidth);

    public override int NodeCapacity(int viewCount) => 64 + 48 * (blocks.Length + crossings.Length) + crossings.Length * viewCount * 16;

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = step.Rows(embeddings); // [width, rows]
        for (int index = 0; index < blocks.Length; index++)
        {
            if (index % interval == 0)
                x = Cross(step, index / interval, x);
            x = Decode(step, index, x);
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    /// <summary>A picture's latents [memory width, rows] -> keys, normalised head by head, and values [width, rows] of a layer.</summary>
    public override (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer)
    {
        Crossing crossing = crossings[layer];
        Tensor key = Normed(graph, crossing.KeyNorm, Attention.Heads(graph, crossing.Key.Build(graph, memory), headCount));
        return (graph.Reshape(key, Width, memory.Size(1)), crossing.Value.Build(graph, memory));
    }

    // IdeficsGatedCrossAttentionLayer
    private Tensor Cross(LanguageStep step, int layer, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Crossing crossing = crossings[layer];
        if (step.HasMemory)
        {
            Tensor normed = crossing.AttentionNorm.Build(graph, x, epsilon);
            Tensor query = Normed(graph, crossing.QueryNorm, Attention.Heads(graph, crossing.Query.Build(graph, normed), headCount));
            Tensor attended = step.AttendToMemory(layer, query, headCount, 1 / MathF.Sqrt(headWidth), WhenNothingSeen.Zero);
            x = graph.Add(x, graph.Scale(crossing.Output.Build(graph, attended), crossing.AttentionGate));
        }

        Tensor inner = crossing.FeedForwardNorm.Build(graph, x, epsilon);
        inner = crossing.Down.Build(graph, graph.SwiGlu(crossing.Gate.Build(graph, inner), crossing.Up.Build(graph, inner)));
        return graph.Add(x, graph.Scale(inner, crossing.FeedForwardGate));
    }

    // IdeficsDecoderLayer
    private Tensor Decode(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Block block = blocks[index];
        Tensor normed = block.AttentionNorm.Build(graph, x, epsilon);
        Tensor query = graph.Rotate(Attention.Heads(graph, block.Query.Build(graph, normed), headCount), step.Positions, rotation);
        Tensor key = graph.Rotate(Attention.Heads(graph, block.Key.Build(graph, normed), headCount), step.Positions, rotation);
        Tensor value = Attention.Heads(graph, block.Value.Build(graph, normed), headCount);
        x = graph.Add(x, block.Output.Build(graph, step.Attend(index, query, key, value, 1 / MathF.Sqrt(headWidth))));
        Tensor inner = block.FeedForwardNorm.Build(graph, x, epsilon);
        return graph.Add(x, block.Down.Build(graph, graph.SwiGlu(block.Gate.Build(graph, inner), block.Up.Build(graph, inner))));
    }

    private Tensor Normed(Compute.Graph graph, NormWeights norm, Tensor x) => norm.Weight.IsNull ? x : norm.Build(graph, x, epsilon);

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "attn_q", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_k", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_v", Width, Width),
            LinearWeights.Load(weights, prefix + "attn_output", Width, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private Crossing LoadCrossing(WeightStore weights, string prefix, int memoryWidth, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "q", Width, Width),
            LinearWeights.Load(weights, prefix + "k", memoryWidth, Width),
            LinearWeights.Load(weights, prefix + "v", memoryWidth, Width),
            LinearWeights.Load(weights, prefix + "output", Width, Width),
            OptionalNorm(weights, prefix + "q_norm"),
            OptionalNorm(weights, prefix + "k_norm"),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width),
            MathF.Tanh(weights.HostValues(prefix + "attn_alpha", 1)[0]),
            MathF.Tanh(weights.HostValues(prefix + "ffn_alpha", 1)[0])
        );

    private NormWeights OptionalNorm(WeightStore weights, string name) =>
        weights.Has($"{name}.weight") ? NormWeights.Load(weights, name, headWidth, isRms: true) : default;

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

    private sealed record Crossing(
        NormWeights AttentionNorm,
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights QueryNorm,
        NormWeights KeyNorm,
        NormWeights FeedForwardNorm,
        LinearWeights Gate,
        LinearWeights Up,
        LinearWeights Down,
        float AttentionGate,
        float FeedForwardGate
    );
}
