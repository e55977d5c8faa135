using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// Makes one token of each square of 2 x 2 patches: they attend to each other, then a feed-forward network over all four adds to their
/// mean. Source: huggingface/transformers v5.12, models/minicpmv4_6/modular_minicpmv4_6.py, MiniCPMV4_6ViTWindowAttentionMerger. Tensor
/// names as in ggml-org/llama.cpp v0.5.0, tools/mtmd/clip-impl.h.
/// </summary>
internal sealed class MiniCpmV46WindowMerger
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 80;

    private const int WindowLength = MiniCpmV46Config.Window * MiniCpmV46Config.Window;
    private readonly VisionTransformerConfig tower;
    private readonly NormWeights attentionNorm; // [hidden]
    private readonly LinearWeights query; // [hidden, hidden] each
    private readonly LinearWeights key;
    private readonly LinearWeights value;
    private readonly LinearWeights output;
    private readonly NormWeights norm; // [4 * hidden]
    private readonly LinearWeights up; // [4 * hidden, inner]
    private readonly LinearWeights down; // [inner, hidden]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MiniCpmV46WindowMerger(MiniCpmV46Config config, WeightStore weights)
    {
        const string Prefix = "v.vit_merger";
        tower = config.Tower;
        int hidden = tower.HiddenSize;
        attentionNorm = NormWeights.Load(weights, $"{Prefix}.ln1", hidden);
        query = LinearWeights.Load(weights, $"{Prefix}.attn_q", hidden, hidden);
        key = LinearWeights.Load(weights, $"{Prefix}.attn_k", hidden, hidden);
        value = LinearWeights.Load(weights, $"{Prefix}.attn_v", hidden, hidden);
        output = LinearWeights.Load(weights, $"{Prefix}.attn_out", hidden, hidden);
        norm = NormWeights.Load(weights, $"{Prefix}.ds_ln", config.WindowWidth);
        up = LinearWeights.Load(weights, $"{Prefix}.ds_ffn_up", config.WindowWidth, config.WindowInner);
        down = LinearWeights.Load(weights, $"{Prefix}.ds_ffn_down", config.WindowInner, hidden);
    }

    /// <summary>[hidden, patches, slices] -> [hidden, patches / 4, slices].</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="x">Patches row by row.</param>
    /// <param name="columns">Patches in a row, an even number; the rows must be even too.</param>
    public Tensor Build(Graph graph, Tensor x, int columns)
    {
        long hidden = x.Size(0),
            merged = x.Size(1) / WindowLength,
            sliceCount = x.Size(2);
        x = graph.Reshape(Gather(graph, x, columns), hidden, WindowLength, merged * sliceCount); // [hidden, 4, windows]
        x = graph.Add(x, Attend(graph, attentionNorm.Build(graph, x, tower.NormEpsilon)));
        Tensor joined = graph.Reshape(x, hidden * WindowLength, merged * sliceCount); // [4 * hidden, windows]
        Tensor inner = graph.GeluTanh(up.Build(graph, norm.Build(graph, joined, tower.NormEpsilon)));
        return graph.Reshape(graph.Add(Mean(graph, x), down.Build(graph, inner)), hidden, merged, sliceCount);
    }

    /// <summary>Squares of 2 x 2 patches side by side, each row by row: [width, patches, slices] -> [4 * width, patches / 4,
    /// slices].</summary>
    public static Tensor Gather(Graph graph, Tensor x, int columns)
    {
        const int Side = MiniCpmV46Config.Window;
        long pairWidth = x.Size(0) * Side,
            rows = x.Size(1) / columns,
            sliceCount = x.Size(2);
        x = graph.Reshape(x, pairWidth, columns / Side, Side, rows / Side * sliceCount); // [pair, columns, 2, rows]
        x = graph.Contiguous(graph.Permute(x, 0, 2, 1, 3)); // [pair, 2, columns, rows]
        return graph.Reshape(x, pairWidth * Side, columns / Side * (rows / Side), sliceCount);
    }

    // [hidden, 4, windows] -> the same shape, each window by itself.
    private Tensor Attend(Graph graph, Tensor x) =>
        output.Build(
            graph,
            Attention.Build(
                graph,
                Heads(graph, query.Build(graph, x)),
                Heads(graph, key.Build(graph, x)),
                Heads(graph, value.Build(graph, x))
            )
        );

    private Tensor Heads(Graph graph, Tensor x) => Attention.Heads(graph, x, tower.HeadCount);

    // [hidden, 4, windows] -> [hidden, windows]
    private static Tensor Mean(Graph graph, Tensor x)
    {
        Tensor sum = Member(graph, x, 0);
        for (int index = 1; index < WindowLength; index++)
            sum = graph.Add(sum, Member(graph, x, index));
        return graph.Scale(sum, 1f / WindowLength);
    }

    private static Tensor Member(Graph graph, Tensor x, int index) =>
        graph.View(x, (x.Size(0), x.Size(2), 1, 1), (x.Stride(2), x.Stride(3), x.Stride(3)), (nuint)index * x.Stride(1));
}
