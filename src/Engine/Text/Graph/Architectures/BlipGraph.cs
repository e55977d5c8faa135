using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// BLIP's text decoder: BERT with a causal mask, whose norms stand behind what is added, and which looks at a picture, or at a question's
/// states, in every block; without one the block's middle is left out. The head is BERT's for masked words. Source:
/// huggingface/transformers v5.12, models/blip/modeling_blip_text.py; salesforce/LAVIS, lavis/models/med.py. Names: docs/gguf.md.
/// </summary>
internal sealed class BlipGraph : LanguageGraph
{
    private readonly int headCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor positions; // [width, positions]
    private readonly NormWeights embeddingNorm;
    private readonly Block[] blocks;
    private readonly LinearWeights transform; // [width, width]
    private readonly NormWeights transformNorm;
    private readonly Tensor output; // [width, tokens]
    private readonly Tensor outputBias; // [tokens]

    public BlipGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        (headCount, epsilon) = (keys.HeadCount, keys.LayerEpsilon);
        keys.RequireMultiple("embedding_length", Width, "attention.head_count", headCount);
        headWidth = Width / headCount;
        MostPositions = keys.RowsOf("position_embd.weight");
        string head = keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight";
        LogitCount = keys.RowsOf(head);
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        positions = weights.Values("position_embd.weight", Width, MostPositions);
        embeddingNorm = NormWeights.Load(weights, "token_embd_norm", Width);
        transform = LinearWeights.Load(weights, "cls", Width, Width);
        transformNorm = NormWeights.Load(weights, "cls.norm", Width);
        output = weights.Matrix(head, Width, LogitCount);
        outputBias = weights.OptionalValues("output.bias", LogitCount);
        int memoryWidth = keys.Count("cross_attention.memory_length", 1 << 16);
        Memory = new MemoryRule(memoryWidth, JoinsNeighbours: false, MostMedia: 1);
        blocks = [.. Enumerable.Range(0, keys.BlockCount).Select(index => Load(weights, $"blk.{index}.", keys.FeedForwardWidth))];
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength => MostPositions;

    public override int MostPositions { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, headCount, headWidth);

    public override MemoryRule Memory { get; }

    public override IReadOnlyList<CacheWidths> MemoryLayers => CacheWidths.Same(blocks.Length, headCount, headWidth);

    public override int NodeCapacity(int viewCount) => 96 + blocks.Length * (64 + viewCount * 16);

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = graph.Add(step.Rows(embeddings), graph.Rows(positions, step.Positions)); // [width, rows]
        x = embeddingNorm.Build(graph, x, epsilon);
        Tensor seeing = step.HasMemory ? step.SeeingRows(ofPrompt: true) : default;
        for (int index = 0; index < blocks.Length; index++)
        {
            Block block = blocks[index];
            x = block.Attention.Finish(graph, Attend(step, index, x), x, epsilon);
            if (step.HasMemory)
                x = Look(step, index, x, seeing);
            Tensor inner = graph.GeluErf(block.Up.Build(graph, x));
            x = block.FeedForwardNorm.Build(graph, graph.Add(block.Down.Build(graph, inner), x), epsilon);
        }

        Tensor said = transformNorm.Build(graph, graph.GeluErf(transform.Build(graph, step.Outputs(x))), epsilon);
        Tensor logits = graph.MatMul(output, said); // [tokens, outputs]
        return outputBias.IsNull ? logits : graph.Add(logits, outputBias);
    }

    /// <summary>What is looked at [memory width, rows] -> keys and values [width, rows] of a layer.</summary>
    public override (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer)
    {
        AttentionLayer looking = blocks[layer].Looking;
        return (looking.Key.Build(graph, memory), looking.Value.Build(graph, memory));
    }

    private Tensor Attend(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        AttentionLayer layer = blocks[index].Attention;
        return step.Attend(
            index,
            Attention.Heads(graph, layer.Query.Build(graph, x), headCount),
            Attention.Heads(graph, layer.Key.Build(graph, x), headCount),
            Attention.Heads(graph, layer.Value.Build(graph, x), headCount),
            1 / MathF.Sqrt(headWidth)
        );
    }

    // Rows of prompts without a picture, which may stand in the same batch, stay as they are.
    private Tensor Look(LanguageStep step, int index, Tensor x, Tensor seeing)
    {
        Compute.Graph graph = step.Graph;
        AttentionLayer layer = blocks[index].Looking;
        Tensor query = Attention.Heads(graph, layer.Query.Build(graph, x), headCount);
        Tensor attended = step.AttendToMemory(index, query, headCount, 1 / MathF.Sqrt(headWidth), WhenNothingSeen.All);
        Tensor looked = layer.Finish(graph, attended, x, epsilon);
        return seeing.IsNull ? looked : graph.Add(x, graph.Multiply(graph.Add(looked, graph.Scale(x, -1)), seeing));
    }

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            AttentionLayer.Load(weights, prefix + "attn", Width, Width),
            AttentionLayer.Load(weights, prefix + "xattn", Memory.Width, Width),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width),
            NormWeights.Load(weights, prefix + "layer_output_norm", Width)
        );

    private sealed record Block(
        AttentionLayer Attention,
        AttentionLayer Looking,
        LinearWeights Up,
        LinearWeights Down,
        NormWeights FeedForwardNorm
    );

    private sealed record AttentionLayer(
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights Norm
    )
    {
        public static AttentionLayer Load(WeightStore weights, string prefix, int inputs, int width) =>
            new(
                LinearWeights.Load(weights, prefix + "_q", width, width),
                LinearWeights.Load(weights, prefix + "_k", inputs, width),
                LinearWeights.Load(weights, prefix + "_v", inputs, width),
                LinearWeights.Load(weights, prefix + "_output", width, width),
                NormWeights.Load(weights, prefix + "_output_norm", width)
            );

        /// <summary>norm(x + out(attended)).</summary>
        public Tensor Finish(Compute.Graph graph, Tensor attended, Tensor x, float epsilon) =>
            Norm.Build(graph, graph.Add(Output.Build(graph, attended), x), epsilon);
    }
}
