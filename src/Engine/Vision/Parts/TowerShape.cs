using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>Dimensions of a vision tower, as a released model has them.</summary>
/// <param name="ImageSize">Side of the tower's input in pixels.</param>
/// <param name="Width">Width of a token.</param>
/// <param name="FeedForward">Width inside the feed-forward networks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Blocks">Blocks that the file stores.</param>
internal sealed record TowerShape(int ImageSize, int Width, int FeedForward, int Heads, int Blocks)
{
    /// <summary>openai/clip-vit-large-patch14-336; LLaVA's files leave the last of 24 blocks out.</summary>
    public static TowerShape ClipLarge { get; } = new(336, 1024, 4096, 16, 23) { HasClassToken = true, HasFirstNorm = true };

    /// <summary>The SigLIP-400M tower of openbmb/MiniCPM-V-2_6, config.json.</summary>
    public static TowerShape Siglip { get; } =
        new(448, 1152, 4304, 16, 27)
        {
            HasPatchBias = true,
            UsesGelu = true,
            PositionCount = 4900,
        };

    /// <summary>OpenGVLab/InternViT-300M-448px, config.json.</summary>
    public static TowerShape InternVit { get; } =
        new(448, 1024, 4096, 16, 24)
        {
            HasClassToken = true,
            HasPatchBias = true,
            HasLayerScale = true,
            UsesGelu = true,
        };

    /// <summary>InternViT-6B as OpenGVLab/InternVL's configuration_intern_vit.py has it, at the 336 pixels that LLaVA's code gives
    /// it.</summary>
    public static TowerShape InternVit6B { get; } =
        new(336, 3200, 12800, 25, 48)
        {
            HasClassToken = true,
            HasPatchBias = true,
            HasLayerScale = true,
            HasRmsNorms = true,
            UsesGelu = true,
            PositionCount = 257,
        };

    /// <summary>EVA2-CLIP-E of THUDM/glm-4v-9b, config.json.</summary>
    public static TowerShape EvaE { get; } =
        new(1120, 1792, 15360, 16, 63)
        {
            HasClassToken = true,
            HasPatchBias = true,
            UsesGelu = true,
        };

    /// <summary>EVA-CLIP's ViT-g as in Salesforce/blip2-flan-t5-xl, config.json: 39 of its 40 blocks, and a norm behind them.</summary>
    public static TowerShape EvaGiant { get; } =
        new(224, 1408, 6144, 16, 39)
        {
            HasClassToken = true,
            HasPatchBias = true,
            HasLastNorm = true,
            UsesGelu = true,
        };

    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; init; } = 14;

    /// <summary>Whether a class token stands before the patches.</summary>
    public bool HasClassToken { get; init; }

    /// <summary>Whether the patches' convolution has a bias.</summary>
    public bool HasPatchBias { get; init; }

    /// <summary>Whether a norm stands before the first block.</summary>
    public bool HasFirstNorm { get; init; }

    /// <summary>Whether a norm stands behind the last block.</summary>
    public bool HasLastNorm { get; init; }

    /// <summary>Whether each block scales what it adds.</summary>
    public bool HasLayerScale { get; init; }

    /// <summary>Whether the blocks' norms take the root mean square, and queries and keys have one each.</summary>
    public bool HasRmsNorms { get; init; }

    /// <summary>Whether the file says that the activation is GELU.</summary>
    public bool UsesGelu { get; init; }

    /// <summary>Rows of the table of positions; 0 for a row for each token.</summary>
    public int PositionCount { get; init; }

    /// <summary>Takes the tower down, with the keys that every projector has.</summary>
    /// <param name="draft">Takes it down.</param>
    /// <param name="projectorType">The family's <c>clip.projector_type</c>.</param>
    public void Write(ProjectorDraft draft, string projectorType)
    {
        WriteKeys(draft, projectorType);
        int side = ImageSize / PatchSize;
        draft.Half("v.patch_embd.weight", PatchSize, PatchSize, 3, Width);
        if (HasPatchBias)
            draft.Vector("v.patch_embd.bias", Width, 0);
        if (HasClassToken)
            draft.Values("v.class_embd", Width);
        draft.Half("v.position_embd.weight", Width, PositionCount > 0 ? PositionCount : side * side + (HasClassToken ? 1 : 0));
        if (HasFirstNorm)
            draft.Norm("v.pre_ln", Width);
        if (HasLastNorm)
            draft.Norm("v.post_ln", Width);
        for (int block = 0; block < Blocks; block++)
            WriteBlock(draft, $"v.blk.{block}.");
    }

    private void WriteKeys(ProjectorDraft draft, string projectorType)
    {
        draft.Metadata("general.architecture", "clip");
        draft.Metadata("clip.has_vision_encoder", true);
        draft.Metadata("clip.has_text_encoder", false);
        draft.Metadata("clip.projector_type", projectorType);
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("image_size", ImageSize),
                    ("patch_size", PatchSize),
                    ("embedding_length", Width),
                    ("feed_forward_length", FeedForward),
                    ("projection_dim", draft.LanguageWidth),
                    ("block_count", Blocks),
                    ("attention.head_count", Heads),
                ]
        )
            draft.Metadata($"clip.vision.{key}", (uint)value);
        draft.Metadata("clip.vision.attention.layer_norm_epsilon", 1e-6f);
        draft.Metadata("clip.vision.image_mean", GgufValue.FromArray<float>([0.5f, 0.5f, 0.5f]));
        draft.Metadata("clip.vision.image_std", GgufValue.FromArray<float>([0.5f, 0.5f, 0.5f]));
        draft.Metadata("clip.use_gelu", UsesGelu);
    }

    private void WriteBlock(ProjectorDraft draft, string prefix)
    {
        WriteNorm(draft, prefix + "ln1");
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
            draft.Linear(prefix + part, Width, Width);
        WriteNorm(draft, prefix + "ln2");
        draft.Linear(prefix + "ffn_up", Width, FeedForward);
        draft.Linear(prefix + "ffn_down", FeedForward, Width);
        if (HasRmsNorms)
        {
            WriteNorm(draft, prefix + "attn_q_norm");
            WriteNorm(draft, prefix + "attn_k_norm");
        }

        if (!HasLayerScale)
            return;
        draft.Vector(prefix + "ls1.weight", Width, 0.1f);
        draft.Vector(prefix + "ls2.weight", Width, 0.1f);
    }

    private void WriteNorm(ProjectorDraft draft, string name)
    {
        draft.Vector($"{name}.weight", Width, 1);
        if (!HasRmsNorms)
            draft.Vector($"{name}.bias", Width, 0);
    }
}
