using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>
/// EVA-CLIP's ViT-g, or OpenAI's ViT-L, as BLIP-2 takes it: all tokens of the last block that is run, the class token first, behind a layer
/// norm (LAVIS' ln_vision). Source: salesforce/LAVIS, lavis/models/eva_vit.py, clip_vit.py and blip2_models/blip2.py; transformers v5.12,
/// models/blip_2/modeling_blip_2.py.
/// </summary>
internal sealed class EvaTower
{
    private readonly EvaTowerConfig config;
    private readonly VisionTransformer tower;
    private readonly NormWeights norm; // [hidden]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public EvaTower(EvaTowerConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        norm = NormWeights.Load(weights, "v.post_ln", config.Tower.HiddenSize);
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => tower.NodeCapacity + 8;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, 1 + patches, slices].</summary>
    public Tensor Build(Graph graph, Tensor patches) => norm.Build(graph, tower.Build(graph, patches), config.NormEpsilon);
}

/// <summary>The dimensions of an EVA tower.</summary>
/// <param name="Tower">The transformer.</param>
/// <param name="NormEpsilon">Of the norm behind it: LAVIS' own is not transformers'.</param>
internal sealed record EvaTowerConfig(VisionTransformerConfig Tower, float NormEpsilon)
{
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static EvaTowerConfig Read(GgufFile file)
    {
        const string Key = "clip.vision.post_norm_epsilon";
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which an EVA tower needs.");
        float epsilon = file.Metadata.TryGetSingle(Key, out float stored) ? stored : tower.NormEpsilon;
        return epsilon is >= 0 and < 1
            ? new EvaTowerConfig(tower, epsilon)
            : throw new ModelFileException(file.Path, $"{Key} is {epsilon}, not a small number.");
    }
}
