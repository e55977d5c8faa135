using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// Llama 3.2 Vision's language model: LLaMA's blocks, and between them blocks that look at pictures alone, behind gates. Source:
/// huggingface/transformers v5.12, models/mllama/modeling_mllama.py, MllamaTextModel; names and layout as in ollama/ollama,
/// convert/convert_mllama.go and model/models/mllama/model_text.go (before 9db4bdbad).
/// </summary>
/// <remarks>
/// Rows before the first picture look at all of the prompt's pictures, padding included, and skip the feed-forward network, as
/// transformers has it; meta-llama/llama-models (models/llama3/multimodal/model.py) zeroes what they see. Rows of a prompt without
/// pictures skip the blocks.
/// </remarks>
internal sealed class MllamaGraph : LanguageGraph
{
    // A picture takes some 200 MB of keys and values in the model of 11B.
    private const int MostPictures = 8;
    private readonly int headCount;
    private readonly int keyHeadCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Rotation rotation;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;
    private readonly Crossing?[] crossings; // of the blocks that look at pictures
    private readonly int[] indexes; // of each block among those of its kind

    public MllamaGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, keyHeadCount, headWidth, epsilon) = (keys.HeadCount, keys.KeyHeadCount, keys.HeadWidth, keys.RmsEpsilon);
        keys.RequireMultiple("attention.head_count", headCount, "attention.head_count_kv", keyHeadCount);
        int rotated = keys.Has("rope.dimension_count") ? keys.Count("rope.dimension_count", headWidth) : headWidth;
        rotation = new Rotation(rotated, keys.Number("rope.freq_base", 10_000), 1 / keys.Number("rope.freq_scale", 1))
        {
            Factors = weights.OptionalValues("rope_freqs.weight", rotated / 2),
        };
        LogitCount = keys.RowsOf("output.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix("output.weight", Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width, isRms: true);

        int count = keys.BlockCount;
        int[] crossed = keys.Numbers("attention.cross_attention_layers");
        if (crossed.Length == 0 || crossed.Any(layer => layer < 0 || layer >= count) || crossed.Distinct().Count() != crossed.Length)
            throw keys.Wrong("attention.cross_attention_layers", string.Join(' ', crossed.Take(8)));
        crossings = new Crossing?[count];
        blocks = new Block[count];
        indexes = new int[count];
        for (int index = 0; index < count; index++)
        {
            bool isCrossing = crossed.Contains(index);
            indexes[index] = Enumerable.Range(0, index).Count(before => crossed.Contains(before) == isCrossing);
            if (isCrossing)
                crossings[index] = LoadCrossing(weights, $"blk.{index}.");
            blocks[index] = Load(weights, $"blk.{index}.", keys.FeedForwardWidth, isCrossing);
        }
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length - CrossingCount, keyHeadCount, headWidth);

    public override MemoryRule Memory => new(Width, JoinsNeighbours: true, MostPictures);

    public override IReadOnlyList<CacheWidths> MemoryLayers => CacheWidths.Same(CrossingCount, keyHeadCount, headWidth);

    private int CrossingCount => crossings.Count(static crossing => crossing is not null);

    public override int NodeCapacity(int viewCount) => 64 + 48 * blocks.Length + CrossingCount * viewCount * (16 + 6 * MostPictures);

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = step.Rows(embeddings); // [width, rows]
        Tensor ofPrompt = step.HasMemory ? step.SeeingRows(ofPrompt: true) : default,
            seeing = step.HasMemory ? step.SeeingRows(ofPrompt: false) : default;
        for (int index = 0; index < blocks.Length; index++)
        {
            if (crossings[index] is { } crossing)
                x = step.HasMemory ? Cross(step, index, crossing, x, ofPrompt, seeing) : x;
            else
                x = Decode(step, index, x);
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    /// <summary>A picture's states [width, rows] -> keys, normalised head by head, and values [key heads * head, rows] of a
    /// layer.</summary>
    public override (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer)
    {
        Crossing crossing = crossings.OfType<Crossing>().ElementAt(layer);
        NormWeights norm = Paired(graph, crossing.KeyNorm);
        Tensor key = norm.Build(graph, Attention.Heads(graph, crossing.Key.Build(graph, memory), keyHeadCount), epsilon);
        return (graph.Reshape(key, keyHeadCount * headWidth, memory.Size(1)), crossing.Value.Build(graph, memory));
    }

    // MllamaSelfAttentionDecoderLayer
    private Tensor Decode(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Block block = blocks[index];
        Tensor normed = block.AttentionNorm.Build(graph, x, epsilon);
        Tensor query = graph.Rotate(Attention.Heads(graph, block.Query.Build(graph, normed), headCount), step.Positions, rotation);
        Tensor key = graph.Rotate(Attention.Heads(graph, block.Key.Build(graph, normed), keyHeadCount), step.Positions, rotation);
        Tensor value = Attention.Heads(graph, block.Value.Build(graph, normed), keyHeadCount);
        Tensor attended = step.Attend(indexes[index], query, key, value, 1 / MathF.Sqrt(headWidth));
        x = graph.Add(x, block.Output.Build(graph, attended));
        return graph.Add(x, FeedForward(graph, block, x));
    }

    // MllamaCrossAttentionDecoderLayer
    private Tensor Cross(LanguageStep step, int index, Crossing crossing, Tensor x, Tensor ofPrompt, Tensor seeing)
    {
        Compute.Graph graph = step.Graph;
        Tensor normed = blocks[index].AttentionNorm.Build(graph, x, epsilon);
        NormWeights norm = Paired(graph, crossing.QueryNorm);
        Tensor query = norm.Build(graph, Attention.Heads(graph, crossing.Query.Build(graph, normed), headCount), epsilon);
        Tensor attended = step.AttendToMemory(indexes[index], query, keyHeadCount, 1 / MathF.Sqrt(headWidth), WhenNothingSeen.All);
        attended = Only(graph, graph.Scale(crossing.Output.Build(graph, attended), crossing.AttentionGate), ofPrompt);
        x = graph.Add(x, attended);
        return graph.Add(x, Only(graph, graph.Scale(FeedForward(graph, blocks[index], x), crossing.FeedForwardGate), seeing));
    }

    private Tensor FeedForward(Compute.Graph graph, Block block, Tensor x)
    {
        Tensor normed = block.FeedForwardNorm.Build(graph, x, epsilon);
        return block.Down.Build(graph, graph.SwiGlu(block.Gate.Build(graph, normed), block.Up.Build(graph, normed)));
    }

    private static Tensor Only(Compute.Graph graph, Tensor x, Tensor rows) => rows.IsNull ? x : graph.Multiply(x, rows);

    private Block Load(WeightStore weights, string prefix, int inner, bool isCrossing) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true),
            isCrossing ? default : LinearWeights.Load(weights, prefix + "attn_q", Width, headCount * headWidth),
            isCrossing ? default : LinearWeights.Load(weights, prefix + "attn_k", Width, keyHeadCount * headWidth),
            isCrossing ? default : LinearWeights.Load(weights, prefix + "attn_v", Width, keyHeadCount * headWidth),
            isCrossing ? default : LinearWeights.Load(weights, prefix + "attn_output", headCount * headWidth, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    // The converters permute the rows of all queries and keys for the rotation of neighbours, those that are never rotated too, and leave
    // the heads' norms in the order of the checkpoint.
    private NormWeights Paired(Compute.Graph graph, NormWeights norm)
    {
        Tensor halves = graph.Permute(graph.Reshape(norm.Weight, headWidth / 2, 2), 1, 0, 2, 3);
        return norm with { Weight = graph.Reshape(graph.Contiguous(halves), headWidth) };
    }

    private Crossing LoadCrossing(WeightStore weights, string prefix) =>
        new(
            LinearWeights.Load(weights, prefix + "cross_attn_q_proj", Width, headCount * headWidth),
            LinearWeights.Load(weights, prefix + "cross_attn_k_proj", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "cross_attn_v_proj", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "cross_attn_o_proj", headCount * headWidth, Width),
            NormWeights.Load(weights, prefix + "cross_attn_q_norm", headWidth, isRms: true),
            NormWeights.Load(weights, prefix + "cross_attn_k_norm", headWidth, isRms: true),
            MathF.Tanh(weights.HostValues(prefix + "cross_attn_attn_gate", 1)[0]),
            MathF.Tanh(weights.HostValues(prefix + "cross_attn_mlp_gate", 1)[0])
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

    private sealed record Crossing(
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights QueryNorm,
        NormWeights KeyNorm,
        float AttentionGate,
        float FeedForwardGate
    );
}
