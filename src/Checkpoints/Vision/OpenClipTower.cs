using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// CLIP's vision transformer as OpenAI named its tensors, here behind <c>tower.</c> (openai/CLIP, clip/model.py; mlfoundations/open_clip,
/// src/open_clip/transformer.py; salesforce/LAVIS, lavis/models/clip_vit.py).
/// </summary>
internal static class OpenClipTower
{
    /// <summary>The convolution by which such a tower is told.</summary>
    public const string Kernel = "tower.conv1.weight";

    /// <summary>What stands before the number of a block.</summary>
    public const string Blocks = "tower.transformer.resblocks.";

    /// <summary>A head's width, which no tensor tells.</summary>
    public const long HeadWidth = 64;

    private const string Positions = "tower.positional_embedding",
        Block = Blocks + "{}.";

    /// <summary>Whether a tensor is named as such a tower's.</summary>
    public static bool Owns(string name) => Names.Any(part => name.StartsWith("tower." + part, StringComparison.Ordinal));

    /// <summary>What stands before its tensors' names in the file of the tower alone.</summary>
    public static IReadOnlyList<string> Names { get; } =
    ["class_embedding", "positional_embedding", "conv1.", "ln_pre.", "transformer.resblocks."];

    /// <summary>The dimensions that the tensors tell.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="headWidth">Width of a head.</param>
    /// <param name="blockCount">Blocks that are run.</param>
    /// <exception cref="CheckpointException">It is no such tower.</exception>
    public static TowerConfig Read(IReadOnlyDictionary<string, StoredTensor> tensors, long headWidth, long blockCount)
    {
        StoredTensor kernel = tensors[Kernel];
        if (
            kernel.Shape.Length != 4
            || !tensors.TryGetValue(Positions, out StoredTensor? positions)
            || positions.Shape.Length != 2
            || !tensors.TryGetValue(Blocks + "0.mlp.c_fc.weight", out StoredTensor? up)
        )
            throw kernel.Fail("is no vision transformer's of CLIP.");
        long side = (long)Math.Sqrt(positions.Shape[0]);
        return new TowerConfig
        {
            ImageSize = side * kernel.Shape[3],
            PatchSize = kernel.Shape[3],
            Width = kernel.Shape[0],
            FeedForward = up.Shape[0],
            HeadCount = Math.Max(1, kernel.Shape[0] / Math.Max(1, headWidth)),
            BlockCount = blockCount,
            Epsilon = 1e-5,
            Activation = "quick_gelu",
            IsClip = true,
        };
    }

    /// <summary>Its tensors; the letter W is three times its width.</summary>
    public static TensorRule[] Rules() =>
        [
            new("tower.conv1", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.positional_embedding", "v.position_embd.weight", "PE") { IsWhole = true, IsFull = true },
            new("tower.class_embedding", "v.class_embd", "E") { IsWhole = true },
            new("tower.ln_pre", "v.pre_ln", "E"),
            new(Block + "ln_1", "v.blk.{}.ln1", "E"),
            new(Block + "ln_2", "v.blk.{}.ln2", "E"),
            new(Block + "attn.in_proj_weight", "v.blk.{}.attn_qkv.weight", "WE") { IsWhole = true },
            new(Block + "attn.in_proj_bias", "v.blk.{}.attn_qkv.bias", "W") { IsWhole = true },
            new(Block + "attn.out_proj", "v.blk.{}.attn_out", "EE"),
            new(Block + "mlp.c_fc", "v.blk.{}.ffn_up", "IE"),
            new(Block + "mlp.c_proj", "v.blk.{}.ffn_down", "EI"),
        ];
}
