using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>
/// InternVL 1.0 with QLLaMA: InternViT-6B, whose patches become rows, and before them the rows of queries that QLLaMA asks it with. Source:
/// OpenGVLab/InternVL, internvl_chat_llava/llava/model/multimodal_encoder/clip_encoder.py and multimodal_projector/builder.py, TwoMLP;
/// arXiv 2312.14238, section 4.4.
/// </summary>
/// <param name="Tower">The tower, all blocks of it, its class token kept.</param>
/// <param name="PatchLayer">Blocks behind which the patches are taken; QLLaMA looks at what comes behind the last.</param>
/// <param name="Queries">QLLaMA.</param>
/// <param name="PatchConnector">Brings patches to the width of the language model.</param>
/// <param name="QueryConnector">Likewise the queries' rows.</param>
/// <param name="AspectRatio">How pictures are made square.</param>
internal sealed record InternVl1Config(
    VisionTransformerConfig Tower,
    int PatchLayer,
    QueryLlamaConfig Queries,
    MlpConnectorConfig PatchConnector,
    MlpConnectorConfig QueryConnector,
    AspectRatioRule AspectRatio
)
{
    private const string LayerKey = "clip.vision.patch_layer";
    private const string QueryConnectorPrefix = "mm.query";

    /// <summary>Embeddings of a picture.</summary>
    public int TokenCount => Queries.QueryCount + Tower.PatchCount;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static InternVl1Config Read(GgufFile file)
    {
        VisionTransformerConfig tower = InternVit.ReadAnySize(file) with { KeepsClassToken = true };
        var queries = QueryLlamaConfig.Read(file, tower.HiddenSize);
        var patchConnector = MlpConnectorConfig.Read(file, tower.HiddenSize);
        var queryConnector = MlpConnectorConfig.Read(file, queries.Width, QueryConnectorPrefix);
        if (patchConnector.Outputs != queryConnector.Outputs)
            throw new ModelFileException(
                file.Path,
                $"its patches become embeddings of {patchConnector.Outputs} numbers and its queries of {queryConnector.Outputs}; they must be "
                    + "as wide as the language model, both."
            );
        return new InternVl1Config(tower, ReadPatchLayer(file, tower), queries, patchConnector, queryConnector, ReadAspectRatio(file));
    }

    private static int ReadPatchLayer(GgufFile file, VisionTransformerConfig tower)
    {
        uint layer = file.Metadata.RequireUInt32(LayerKey);
        return layer > 0 && layer <= tower.BlockCount
            ? (int)layer
            : throw new ModelFileException(file.Path, $"{LayerKey} is {layer}, but the file holds {tower.BlockCount} blocks.");
    }

    // haotian-liu/LLaVA, llava/mm_utils.py, process_images.
    private static AspectRatioRule ReadAspectRatio(GgufFile file)
    {
        const string Key = "clip.vision.image_aspect_ratio";
        if (!file.Metadata.TryGetString(Key, out string? rule))
            return AspectRatioRule.Pad;
        return rule switch
        {
            "pad" => AspectRatioRule.Pad,
            "square" => AspectRatioRule.Crop,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{rule}', which is not supported; known are pad and square."),
        };
    }
}
