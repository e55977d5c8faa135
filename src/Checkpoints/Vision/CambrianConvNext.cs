using System.Globalization;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;

namespace Tessera.Checkpoints.Vision;

/// <summary>Cambrian's ConvNeXt. Sources: cambrian-mllm/cambrian 539ffc3, cambrian/model/multimodal_encoder/*.py;
/// huggingface/pytorch-image-models, timm/models/convnext.py.</summary>
internal sealed class CambrianConvNext : CambrianTower
{
    private CambrianConvNext(VisionTowerFolder folder, int index)
        : base(folder, index) { }

    /// <summary>ConvNeXt with all its stages.</summary>
    public static CambrianTower ConvNext(VisionTowerFolder folder, int index, string name)
    {
        if (!name.Contains("multi-stage", StringComparison.Ordinal))
            throw new CheckpointException(name, "a ConvNeXt of which the last stage alone is used is not supported.");
        var tower = new CambrianConvNext(folder, index);
        tower.AddConvNext(name);
        tower.SetColours(ownPadding: false, ClipMean, ClipDeviation);
        return tower;
    }

    private void AddConvNext(string name)
    {
        const int StageCount = 4;
        bool isTransformers = Folder.TensorNames.Any(static tensor => tensor.EndsWith(".dwconv.weight", StringComparison.Ordinal));
        Take(
            isTransformers ? "convnext." : "visual.trunk.",
            static inner =>
                inner.StartsWith("head.", StringComparison.Ordinal)
                || inner.StartsWith("classifier.", StringComparison.Ordinal)
                || inner is "layernorm.weight" or "layernorm.bias",
            NumberedByBlock
        );
        long patch = Require("stem.0.weight", 4).Shape[3];
        long[] widths = [.. Enumerable.Range(0, StageCount).Select(stage => Require($"stage{stage}.blocks.0.gamma", 1).Shape[0])],
            counts = [.. Enumerable.Range(0, StageCount).Select(stage => Blocks($"stage{stage}.blocks."))];
        BlockCount = counts.Max();
        Keys.Set("type", "convnext");
        Keys.Set("image_size", Resolution(name) ?? 1024);
        Keys.Set("patch_size", patch);
        Keys.Set("embedding_length", [.. widths.Select(static width => (int)width)]);
        Keys.Set("block_count", [.. counts.Select(static count => (int)count)]);
        // timm: convnext_xxlarge's; LayerNorm2d's default for the others.
        Keys.Set("attention.layer_norm_epsilon", name.Contains("XXL", StringComparison.Ordinal) && !isTransformers ? 1e-5 : 1e-6);
        AddLetters([('E', widths.Sum()), ('S', patch), ('C', 3), ('B', widths[0])]);
        Add(new("stem.0", "patch_embd", "BCSS") { Type = TowerConfig.PatchType });
        Add(new("stem.1", "pre_ln", "B"));
        for (int stage = 0; stage < StageCount; stage++)
            AddStage(stage, widths, counts[stage]);
    }

    // The stage's number becomes part of its name, so that the block's is the first; transformers' names become timm's.
    private static string NumberedByBlock(string name)
    {
        foreach (
            (string from, string to) in (ReadOnlySpan<(string, string)>)
                [
                    ("embeddings.patch_embeddings.", "stem.0."),
                    ("embeddings.layernorm.", "stem.1."),
                    ("encoder.stages.", "stages."),
                    ("stages.", "stage"),
                    (".downsampling_layer.", ".downsample."),
                    (".layers.", ".blocks."),
                    (".dwconv.", ".conv_dw."),
                    (".layernorm.", ".norm."),
                    (".pwconv1.", ".mlp.fc1."),
                    (".pwconv2.", ".mlp.fc2."),
                    (".layer_scale_parameter", ".gamma"),
                ]
        )
            name = name.Replace(from, to, StringComparison.Ordinal);
        return name;
    }

    private void AddStage(int stage, long[] widths, long count)
    {
        long width = widths[stage];
        string source = string.Create(CultureInfo.InvariantCulture, $"stage{stage}."),
            target = string.Create(CultureInfo.InvariantCulture, $"stage.{stage}.");
        if (stage > 0)
        {
            long before = widths[stage - 1];
            Add(new(source + "downsample.0", target + "down_norm", ""));
            // A matrix over the channels of a square's cells, row by row.
            Add(
                new TensorRule(source + "downsample.1", target + "down_conv", "")
                {
                    Change = values => values.Shape.Length == 4 ? values.Permute(0, 2, 3, 1).Reshape(width, 4 * before) : values,
                }
            );
        }

        foreach (
            (string from, string to) in (ReadOnlySpan<(string, string)>)[("norm", "ln"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
        )
            AddBlock(source + "blocks.", target + "blk.", from, to, "", count);
        AddBlock(source + "blocks.", target + "blk.", "conv_dw", "conv_dw", "", count, isFull: true);
        AddBlock(source + "blocks.", target + "blk.", "gamma", "ls.weight", "", count, isWhole: true);
    }
}
