using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>
/// BERT that reads a text, by itself or with the picture that its blocks then look at. Source: huggingface/transformers v5.12,
/// models/blip/modeling_blip_text.py, BlipTextModel; salesforce/LAVIS, lavis/models/med.py, XBertEncoder.
/// </summary>
internal sealed class BlipTextEncoder
{
    private const int NodesOfBlock = 96;
    private readonly BlipTextConfig config;
    private readonly WeightStore weights;
    private readonly NormWeights norm;
    private readonly Block[] blocks;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public BlipTextEncoder(BlipTextConfig config, WeightStore weights)
    {
        (this.config, this.weights) = (config, weights);
        norm = NormWeights.Load(weights, "t.token_embd_norm", config.Width);
        blocks = [.. Enumerable.Range(0, config.BlockCount).Select(index => Load($"t.blk.{index}."))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 16 + blocks.Length * NodesOfBlock;

    /// <summary>A text's tokens -> states [width, tokens, 1].</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="features">What the tower made of the picture [inputs, tokens]; null where the text is read by itself.</param>
    public Tensor Build(Graph graph, IReadOnlyList<int> tokens, float[]? features)
    {
        Tensor seen = features is null ? default : graph.Input("features", features, config.Inputs, features.Length / config.Inputs);
        Tensor x = norm.Build(graph, graph.Input("text", Embed(tokens), config.Width, tokens.Count), config.NormEpsilon);
        foreach (Block block in blocks)
        {
            x = block.Attention.Build(graph, x, x, config.HeadCount, config.NormEpsilon);
            if (!seen.IsNull)
                x = block.Looking.Build(graph, x, seen, config.HeadCount, config.NormEpsilon);
            x = block.Network.Build(graph, x, config.NormEpsilon);
        }

        return x;
    }

    /// <summary>Takes the memory of the longest text.</summary>
    /// <exception cref="NativeLibraryException">There is not enough memory.</exception>
    public void Reserve(GraphRunner runner, int featureCount)
    {
        using Graph graph = runner.NewGraph();
        graph.Output(Build(graph, new int[config.PositionCount], new float[(long)config.Inputs * featureCount]));
        runner.Reserve(graph, "a picture with a text");
    }

    // Each token's embedding and its position's, before the norm: [width, tokens].
    private float[] Embed(IReadOnlyList<int> tokens)
    {
        float[] words = weights.HostRows(BlipTextConfig.TokenTensor, config.Width, config.VocabularySize, tokens);
        float[] places = weights.HostRows(
            BlipTextConfig.PositionTensor,
            config.Width,
            config.PositionCount,
            [.. Enumerable.Range(0, tokens.Count)]
        );
        for (int index = 0; index < words.Length; index++)
            words[index] += places[index];
        return words;
    }

    private Block Load(string prefix) =>
        new(
            BertAttention.Load(weights, prefix + "attn", config.Width, config.Width),
            BertAttention.Load(weights, prefix + "xattn", config.Width, config.Inputs),
            BertFeedForward.Load(weights, prefix + "ffn", config.Width, config.FeedForward)
        );

    private sealed record Block(BertAttention Attention, BertAttention Looking, BertFeedForward Network);
}
