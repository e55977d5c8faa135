using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>Cambrian's CLIP or SigLIP. Sources: cambrian-mllm/cambrian 539ffc3, cambrian/model/multimodal_encoder/*.py;
/// huggingface/transformers v5.12, models/{clip,siglip}; huggingface/pytorch-image-models, timm/models/vision_transformer.py.</summary>
internal sealed class CambrianTransformer : CambrianTower
{
    private static readonly float[] Half = [0.5f, 0.5f, 0.5f];

    private CambrianTransformer(VisionTowerFolder folder, int index)
        : base(folder, index) { }

    /// <summary>CLIP, up to the hidden state that the checkpoint selects.</summary>
    public static CambrianTower Clip(VisionTowerFolder folder, int index, Settings config)
    {
        var tower = new CambrianTransformer(folder, index);
        TowerConfig clip = TowerConfig.Read(folder.Config);
        double layer = config.TryNumber("mm_vision_select_layer") ?? -2;
        long used = layer < 0 ? clip.BlockCount + 1 + (long)layer : (long)layer;
        if (used < 1 || used > clip.BlockCount)
            throw new CheckpointException(config.Path, $"mm_vision_select_layer {layer} is not one of CLIP's {clip.BlockCount} blocks.");
        if (config.TryText("mm_vision_select_feature") is string feature and not "patch")
            throw new CheckpointException(
                config.Path,
                $"mm_vision_select_feature is '{CheckpointFolder.Shown(feature)}', which is not supported; known is patch."
            );
        tower.AddTransformers(clip, used, keepsPostNorm: false);
        tower.SetTransformer("clip", clip.ImageSize, clip, used, clip.Activation);
        tower.SetColours(ownPadding: true, ClipMean, ClipDeviation);
        return tower;
    }

    /// <summary>SigLIP with its last norm, as open_clip's file has it, or transformers'.</summary>
    public static CambrianTower Siglip(VisionTowerFolder folder, int index, string name)
    {
        var tower = new CambrianTransformer(folder, index);
        if (folder.TensorNames.All(static tensor => !tensor.EndsWith("blocks.0.attn.qkv.weight", StringComparison.Ordinal)))
        {
            TowerConfig siglip = TowerConfig.Read(folder.Config);
            tower.AddTransformers(siglip, siglip.BlockCount, keepsPostNorm: true);
            tower.SetTransformer("siglip", siglip.ImageSize, siglip, siglip.BlockCount, siglip.Activation);
        }
        else
        {
            tower.AddTimm(name);
        }

        tower.SetColours(ownPadding: false, Half, Half);
        return tower;
    }

    private void AddTransformers(TowerConfig config, long used, bool keepsPostNorm)
    {
        BlockCount = used;
        foreach ((string name, StoredTensor tensor) in Folder.Tensors)
        {
            string inner = name["tower.".Length..];
            bool isLeftOut =
                inner.StartsWith("head.", StringComparison.Ordinal)
                || Names.IsTable(inner)
                || (!keepsPostNorm && inner.StartsWith("post_layernorm.", StringComparison.Ordinal))
                || (inner.StartsWith("encoder.layers.", StringComparison.Ordinal) && TensorMapper.Pattern(inner).Block >= used);
            if (!isLeftOut)
                Take(inner, tensor);
        }

        AddLetters(config.Letters(0));
        foreach (TensorRule rule in TowerConfig.Rules(config.IsClip, keepsPostNorm))
            Add(rule with { Source = rule.Source["tower.".Length..], Target = rule.Target["v.".Length..] });
    }

    private void AddTimm(string name)
    {
        Take(
            "visual.trunk.",
            static inner =>
                inner.StartsWith("attn_pool.", StringComparison.Ordinal)
                || inner.StartsWith("head.", StringComparison.Ordinal)
                || inner.StartsWith("fc_norm.", StringComparison.Ordinal)
        );
        StoredTensor patches = Require("patch_embed.proj.weight", 4),
            positions = Require("pos_embed", 3);
        long width = patches.Shape[0],
            patch = patches.Shape[3],
            count = positions.Shape[1],
            inner = Require("blocks.0.mlp.fc1.weight", 2).Shape[0];
        BlockCount = Blocks("blocks.");
        Settings? vision = Folder.Config.Child("model_cfg")?.Child("vision_cfg");
        long size = Resolution(name) ?? vision?.TryCount("image_size") ?? (name.Contains("384", StringComparison.Ordinal) ? 384 : 224);
        // What open_clip names by the model alone: 16 heads of so400m.
        long heads = vision?.Child("timm_model_kwargs")?.TryCount("num_heads") ?? 16;
        if (size / patch * (size / patch) != count)
            throw positions.Fail($"has {count} positions, which are not those of a picture of {size} x {size}.");
        SetSizes("siglip", size, patch, width, heads);
        Keys.Set("feed_forward_length", inner);
        Keys.Set("block_count", BlockCount);
        Keys.Set("attention.layer_norm_epsilon", 1e-6);
        Keys.Set("activation", "gelu");
        AddLetters([('E', width), ('I', inner), ('S', patch), ('C', 3), ('J', 3 * width)]);
        Add(new("patch_embed.proj", "patch_embd", "ECSS") { Type = TowerConfig.PatchType });
        Add(
            new("pos_embed", "position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(count, width),
            }
        );
        Add(new("norm", "post_ln", "E"));
        foreach (
            (string from, string to, string shape) in (ReadOnlySpan<(string, string, string)>)
                [
                    ("norm1", "ln1", "E"),
                    ("norm2", "ln2", "E"),
                    ("attn.qkv", "attn_qkv", "JE"),
                    ("attn.proj", "attn_out", "EE"),
                    ("mlp.fc1", "ffn_up", "IE"),
                    ("mlp.fc2", "ffn_down", "EI"),
                ]
        )
            AddBlock("blocks.", "blk.", from, to, shape, BlockCount);
    }

    private void SetTransformer(string type, long size, TowerConfig config, long used, string activation)
    {
        SetSizes(type, size, config.PatchSize, config.Width, config.HeadCount);
        Keys.Set("feed_forward_length", config.FeedForward);
        Keys.Set("block_count", used);
        Keys.Set("attention.layer_norm_epsilon", config.Epsilon);
        Keys.Set(
            "activation",
            activation switch
            {
                "gelu" or "quick_gelu" => activation,
                "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => "gelu_tanh",
                _ => throw new CheckpointException(
                    Folder.Folder.FullPath,
                    $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known."
                ),
            }
        );
    }
}
