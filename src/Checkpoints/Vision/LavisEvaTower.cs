using System.Globalization;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>EVA-CLIP's ViT-g as LAVIS stores it (salesforce/LAVIS, lavis/models/eva_vit.py, create_eva_vit_g).</summary>
internal sealed class LavisEvaTower : LavisTower
{
    // norm_layer; num_heads as embed_dim // 88.
    private const double Epsilon = 1e-6;
    private const long HeadWidth = 88;
    private const long Heads = 16;
    private const string Blocks = "tower.encoder.layers.";

    private readonly StoredTensor positions;
    private readonly EvaTower tower;
    private readonly int side;
    private readonly int scale;

    /// <param name="source">The tensors, named as <see cref="LavisNames"/> says.</param>
    /// <param name="scale">By how much the picture's side is larger than the tower's own (MiniGPT-v2).</param>
    /// <exception cref="CheckpointException">It is none.</exception>
    public LavisEvaTower(VisionSource source, int scale)
        : base(source)
    {
        this.scale = scale;
        positions = source.Require("tower.embeddings.position_embedding");
        side = SquareSide(positions);
        tower = new EvaTower(Config());
    }

    public override long Width => tower.Width;

    public override long BlockCount => tower.BlockCount;

    public override IEnumerable<(char, long)> Letters => tower.Letters;

    protected override void SetOwnKeys(Metadata metadata) => tower.SetKeys(metadata, Source);

    /// <summary>q, k and v in one without their biases, of which keys have none.</summary>
    public override IEnumerable<TensorRule> Rules()
    {
        foreach (TensorRule rule in tower.Rules())
            yield return rule.Source switch
            {
                "tower.embeddings.position_embedding" when scale > 1 => rule with { Change = Stretch },
                PostNorm => rule with { IsOptional = true },
                _ when rule.Source.EndsWith("self_attn.qkv", StringComparison.Ordinal) => rule with
                {
                    Split = values => InternVitTower.Split(values, Width),
                },
                _ => rule,
            };

        foreach (string part in (string[])["q", "v"])
            yield return new TensorRule($"tower.encoder.layers.{{}}.self_attn.{part}_bias", $"v.blk.{{}}.attn_{part}.bias", "E")
            {
                IsWhole = true,
            };
    }

    /// <summary>Keys' biases, too.</summary>
    public override IEnumerable<(string Name, TensorValues Values)> Extra()
    {
        for (long block = 0; block < BlockCount; block++)
            yield return ($"v.blk.{block.ToString(CultureInfo.InvariantCulture)}.attn_k.bias", Filled(0));
        foreach ((string Name, TensorValues Values) extra in base.Extra())
            yield return extra;
    }

    private StretchedPositions Stretch(TensorValues values) =>
        new StretchedPositions(values.Reshape((long)side * side + 1, positions.Shape[^1]), side, side * scale);

    private Settings Config()
    {
        StoredTensor patches = Source.Require("tower.embeddings.patch_embedding.weight");
        if (patches.Shape.Length != 4)
            throw patches.Fail("is no kernel of patches.");
        long width = positions.Shape[^1];
        return Made(
            Source,
            new()
            {
                ["hidden_size"] = width,
                ["intermediate_size"] = Source.Require(Blocks + "0.mlp.fc1.weight").Shape[0],
                // eva_vit_g.pth holds 40 blocks, of which 39 are made (depth=39).
                ["num_hidden_layers"] = UsedBlocks(Blocks, hasOneMore: true),
                ["num_attention_heads"] = width % HeadWidth == 0 ? width / HeadWidth : Heads,
                ["patch_size"] = patches.Shape[3],
                ["image_size"] = patches.Shape[3] * side * scale,
                ["layer_norm_eps"] = Epsilon,
            }
        );
    }
}
