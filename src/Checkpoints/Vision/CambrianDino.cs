using System.Globalization;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>Cambrian's DINOv2. Sources: cambrian-mllm/cambrian 539ffc3, cambrian/model/multimodal_encoder/*.py;
/// huggingface/transformers v5.12, models/dinov2.</summary>
internal sealed class CambrianDino : CambrianTower
{
    private static readonly float[] ImageNetMean = [0.485f, 0.456f, 0.406f],
        ImageNetDeviation = [0.229f, 0.224f, 0.225f];

    private CambrianDino(VisionTowerFolder folder, int index)
        : base(folder, index) { }

    /// <summary>DINOv2 with its last norm, its positions stretched to the picture's size.</summary>
    public static CambrianTower Dino(VisionTowerFolder folder, int index, string name, Settings config)
    {
        var tower = new CambrianDino(folder, index);
        tower.AddDino(name, config);
        tower.SetColours(ownPadding: true, ImageNetMean, ImageNetDeviation);
        return tower;
    }

    private void AddDino(string name, Settings config)
    {
        Settings dino = Folder.Config;
        foreach (string prefix in (ReadOnlySpan<string>)["dinov2.", ""])
            if (Tensors.Count == 0)
                Take(prefix, static inner => inner is "embeddings.mask_token" || inner.StartsWith("classifier.", StringComparison.Ordinal));
        long width = dino.Size("hidden_size"),
            patch = dino.Size("patch_size"),
            size = Resolution(name) ?? dino.Size("image_size"),
            ratio = dino.TryCount("mlp_ratio") ?? 4,
            inner = width * ratio;
        bool isGated = dino.TryFlag("use_swiglu_ffn") == true;
        if (isGated)
            inner = (inner * 2 / 3 + 7) / 8 * 8;
        if (!isGated && dino.TryText("hidden_act") is string activation and not "gelu")
            throw dino.Wrong("hidden_act", "gelu");
        BlockCount = dino.Size("num_hidden_layers");
        StoredTensor positions = Require("embeddings.position_embeddings", 3);
        int oldSide = (int)Math.Sqrt(positions.Shape[1] - 1),
            newSide = (int)(size / patch);
        if (oldSide < 1 || (long)oldSide * oldSide + 1 != positions.Shape[1] || newSide is < 1 or > 1024)
            throw positions.Fail("is no square table of positions.");
        SetSizes("dinov2", size, patch, width, dino.Size("num_attention_heads"));
        Keys.Set("feed_forward_length", inner);
        Keys.Set("block_count", BlockCount);
        Keys.Set("attention.layer_norm_epsilon", dino.TryNumber("layer_norm_eps") ?? 1e-6);
        Keys.Set("activation", isGated ? "silu" : "gelu");
        AddLetters([('E', width), ('I', inner), ('S', patch), ('C', 3), ('J', 2 * inner)]);
        Add(new("embeddings.cls_token", "class_embd", "") { IsWhole = true, Change = values => values.Reshape(width) });
        Add(
            new("embeddings.position_embeddings", "position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => Stretched(values.Reshape(positions.Shape[1], width), oldSide, newSide, config),
            }
        );
        Add(new("embeddings.patch_embeddings.projection", "patch_embd", "ECSS") { Type = TowerConfig.PatchType });
        Add(new("layernorm", "post_ln", "E"));
        AddDinoBlocks(isGated, inner);
    }

    private void AddDinoBlocks(bool isGated, long inner)
    {
        foreach (
            (string from, string to, string shape) in (ReadOnlySpan<(string, string, string)>)
                [
                    ("norm1", "ln1", "E"),
                    ("norm2", "ln2", "E"),
                    ("attention.attention.query", "attn_q", "EE"),
                    ("attention.attention.key", "attn_k", "EE"),
                    ("attention.attention.value", "attn_v", "EE"),
                    ("attention.output.dense", "attn_out", "EE"),
                    (isGated ? "mlp.weights_out" : "mlp.fc2", "ffn_down", "EI"),
                ]
        )
            AddBlock("encoder.layer.", "blk.", from, to, shape, BlockCount);
        foreach (string scale in (string[])["1", "2"])
            AddBlock("encoder.layer.", "blk.", $"layer_scale{scale}.lambda1", $"ls{scale}.weight", "E", BlockCount, isWhole: true);
        if (!isGated)
        {
            AddBlock("encoder.layer.", "blk.", "mlp.fc1", "ffn_up", "IE", BlockCount);
            return;
        }

        // Gate and value are two halves of one matrix.
        string target = Target + "blk.{}.";
        Add(
            new TensorRule("encoder.layer.{}.mlp.weights_in", "", "JE")
            {
                Split = values => [(target + "ffn_gate", values.Slice(0, inner)), (target + "ffn_up", values.Slice(inner, inner))],
                IsIn = block => block < BlockCount,
            }
        );
    }

    // transformers stretched by a size a tenth of a cell too large until 4.46, which the release was trained and saved with
    // (models/dinov2/modeling_dinov2.py, interpolate_pos_encoding; facebookresearch/dino, issue 8).
    private static TensorValues Stretched(TensorValues table, int oldSide, int newSide, Settings config)
    {
        const double Excess = 0.1;
        if (oldSide == newSide)
            return table;
        string[] version = (config.TryText("transformers_version") ?? "").Split('.');
        bool isOld =
            version.Length > 1
            && int.TryParse(version[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(version[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            && (major < 4 || (major == 4 && minor < 46));
        return new StretchedPositions(table, oldSide, newSide, isOld ? (float)(1 / ((newSide + Excess) / oldSide)) : null);
    }
}
