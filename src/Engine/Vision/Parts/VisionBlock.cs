using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// One block of a vision tower: x + attention(norm1(x)), then x + feed-forward(norm2(x)). Source: huggingface/transformers v5.12,
/// models/clip/modeling_clip.py, CLIPEncoderLayer; with layer scale and norms of queries and keys as in OpenGVLab/InternVL,
/// internvl_chat/internvl/model/internvl_chat/modeling_intern_vit.py; or x + norm1(attention(x)), then x + norm2(feed-forward(x)), as in
/// THUDM/glm-4v-9b, visual.py. Tensor names as in GGUF "clip" files (ggml-org/llama.cpp v0.5.0,
/// tools/mtmd/clip-impl.h).
/// </summary>
internal sealed class VisionBlock
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 64;

    private readonly VisionTransformerConfig config;
    private readonly NormWeights norm1;
    private readonly LinearWeights queryKeyValue; // [hidden, 3 * hidden], when the three can be one product
    private readonly LinearWeights query; // [hidden, hidden] each, when they cannot
    private readonly LinearWeights key;
    private readonly LinearWeights value;
    private readonly NormWeights queryNorm; // [hidden], with HasQueryKeyNorm
    private readonly NormWeights keyNorm;
    private readonly LinearWeights output; // [hidden, hidden]
    private readonly Tensor attentionScale; // [hidden], with HasLayerScale
    private readonly NormWeights norm2;
    private readonly LinearWeights gate; // [hidden, feed-forward], with IsGated
    private readonly LinearWeights up; // [hidden, feed-forward]
    private readonly LinearWeights down; // [feed-forward, hidden]
    private readonly Tensor feedForwardScale; // [hidden], with HasLayerScale

    public VisionBlock(VisionTransformerConfig config, WeightStore weights, int index)
    {
        this.config = config;
        int hidden = config.HiddenSize;
        string prefix = $"{config.Prefix}blk.{index}";
        norm1 = NormWeights.Load(weights, $"{prefix}.ln1", hidden, config.UsesRmsNorm);
        norm2 = NormWeights.Load(weights, $"{prefix}.ln2", hidden, config.UsesRmsNorm);

        string[] separate = [$"{prefix}.attn_q", $"{prefix}.attn_k", $"{prefix}.attn_v"];
        if (weights.Has($"{prefix}.attn_qkv.weight"))
            queryKeyValue = LinearWeights.Load(weights, $"{prefix}.attn_qkv", hidden, 3 * hidden);
        else if (LinearWeights.CanJoin(weights, separate))
            queryKeyValue = LinearWeights.LoadJoined(weights, separate, hidden, hidden);
        else
        {
            query = LinearWeights.Load(weights, separate[0], hidden, hidden);
            key = LinearWeights.Load(weights, separate[1], hidden, hidden);
            value = LinearWeights.Load(weights, separate[2], hidden, hidden);
        }

        if (config.HasQueryKeyNorm)
        {
            queryNorm = NormWeights.Load(weights, $"{prefix}.attn_q_norm", hidden, isRms: true);
            keyNorm = NormWeights.Load(weights, $"{prefix}.attn_k_norm", hidden, isRms: true);
        }

        output = LinearWeights.Load(weights, $"{prefix}.attn_out", hidden, hidden);
        (string upName, string downName) = FeedForwardNames(weights, prefix);
        // Zeros in between change nothing: SigLIP's 4304 is no width for matrix units.
        int inner = weights.PaddedWidth(config.FeedForwardSize);
        up = LinearWeights.LoadPadded(weights, upName, hidden, config.FeedForwardSize, hidden, inner);
        down = LinearWeights.LoadPadded(weights, downName, config.FeedForwardSize, hidden, inner, hidden);
        if (config.IsGated)
            gate = LinearWeights.LoadPadded(weights, $"{prefix}.ffn_gate", hidden, config.FeedForwardSize, hidden, inner);
        if (!config.HasLayerScale)
            return;
        attentionScale = weights.Values($"{prefix}.ls1.weight", hidden);
        feedForwardScale = weights.Values($"{prefix}.ls2.weight", hidden);
    }

    /// <summary>[hidden, tokens, slices] -> the same shape.</summary>
    public Tensor Build(Graph graph, Tensor x)
    {
        if (config.NormsFollow)
        {
            x = graph.Add(x, norm1.Build(graph, Attend(graph, x), config.NormEpsilon));
            return graph.Add(x, norm2.Build(graph, FeedForward(graph, x), config.NormEpsilon));
        }

        x = graph.Add(x, Scale(graph, Attend(graph, norm1.Build(graph, x, config.NormEpsilon)), attentionScale));
        return graph.Add(x, Scale(graph, FeedForward(graph, norm2.Build(graph, x, config.NormEpsilon)), feedForwardScale));
    }

    private static Tensor Scale(Graph graph, Tensor x, Tensor scale) => scale.IsNull ? x : graph.Multiply(x, scale);

    private Tensor Attend(Graph graph, Tensor x)
    {
        (Tensor q, Tensor k, Tensor v) = queryKeyValue.IsNull
            ? (
                Heads(graph, Normed(graph, queryNorm, query.Build(graph, x))),
                Heads(graph, Normed(graph, keyNorm, key.Build(graph, x))),
                Heads(graph, value.Build(graph, x))
            )
            : SplitHeads(graph, queryKeyValue.Build(graph, x)); // [head, heads, tokens, slices] each
        return output.Build(graph, Attention.Build(graph, q, k, v)); // [hidden, tokens, slices]
    }

    private Tensor FeedForward(Graph graph, Tensor x)
    {
        Tensor inner = up.Build(graph, x);
        return down.Build(graph, gate.IsNull ? config.Activation.Build(graph, inner) : graph.SwiGlu(gate.Build(graph, x), inner));
    }

    private Tensor Heads(Graph graph, Tensor x) => Attention.Heads(graph, x, config.HeadCount);

    private (Tensor Query, Tensor Key, Tensor Value) SplitHeads(Graph graph, Tensor joined)
    {
        (long, long, long, long) sizes = (config.HeadSize, config.HeadCount, joined.Size(1), joined.Size(2));
        (nuint, nuint, nuint) strides = (joined.Stride(0) * (nuint)config.HeadSize, joined.Stride(1), joined.Stride(2));
        nuint third = joined.Stride(0) * (nuint)config.HiddenSize;
        Tensor value = graph.View(joined, sizes, strides, 2 * third);
        return config.HasQueryKeyNorm
            ? (
                Heads(graph, Normed(graph, queryNorm, Third(graph, joined, 0))),
                Heads(graph, Normed(graph, keyNorm, Third(graph, joined, third))),
                value
            )
            : (graph.View(joined, sizes, strides, 0), graph.View(joined, sizes, strides, third), value);
    }

    // One of the three in its whole width: [hidden, tokens, slices].
    private Tensor Third(Graph graph, Tensor joined, nuint offset) =>
        graph.Contiguous(
            graph.View(
                joined,
                (config.HiddenSize, joined.Size(1), joined.Size(2), 1),
                (joined.Stride(1), joined.Stride(2), joined.Stride(3)),
                offset
            )
        );

    private Tensor Normed(Graph graph, NormWeights norm, Tensor x) => config.HasQueryKeyNorm ? norm.Build(graph, x, config.NormEpsilon) : x;

    // Legacy converters call the layer into the feed-forward network "ffn_down" and the one out of it "ffn_up"
    // (ggml-org/llama.cpp v0.5.0, tools/mtmd/legacy-models/convert_image_encoder_to_gguf.py); the shape tells.
    private (string Up, string Down) FeedForwardNames(WeightStore weights, string prefix)
    {
        bool swapped = config.HiddenSize != config.FeedForwardSize && weights.InputCount($"{prefix}.ffn_down.weight") == config.HiddenSize;
        return swapped ? ($"{prefix}.ffn_down", $"{prefix}.ffn_up") : ($"{prefix}.ffn_up", $"{prefix}.ffn_down");
    }
}
