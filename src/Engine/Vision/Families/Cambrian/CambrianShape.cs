using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>Cambrian-1's four towers and aggregator, the same in the models of 8B, 13B and 34B but for the last projection.</summary>
internal static class CambrianShape
{
    private const int Width = 1024,
        QuerySide = 24,
        Layers = 3,
        Patch = 14;
    private static readonly int[] StageWidths = [384, 768, 1536, 3072],
        StageBlocks = [3, 4, 30, 3];

    private static readonly float[] Half = [0.5f, 0.5f, 0.5f],
        ClipMean = [0.48145466f, 0.4578275f, 0.40821073f],
        ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f],
        DinoMean = [0.485f, 0.456f, 0.406f],
        DinoDeviation = [0.229f, 0.224f, 0.225f];

    private static readonly Tower[] Transformers =
    [
        new("siglip", 384, 1152, 4304, 16, 27, 1e-6f, "gelu", ClipMean, Half, Half, 27),
        new("clip", 336, 1024, 4096, 16, 23, 1e-5f, "quick_gelu", ClipMean, ClipMean, ClipDeviation, 24) { HasClassToken = true },
        new("dinov2", 378, 1536, 4096, 24, 40, 1e-6f, "silu", DinoMean, DinoMean, DinoDeviation, 27) { HasClassToken = true },
    ];

    public static ProjectorShape Released { get; } = new("nyu-visionx/cambrian-8b", Write);

    private static void Write(ProjectorDraft draft)
    {
        draft.Metadata("general.architecture", "clip");
        draft.Metadata("clip.has_vision_encoder", true);
        draft.Metadata("clip.projector_type", "cambrian_sva");
        draft.Metadata("clip.vision.tower_count", 4u);
        draft.Metadata("clip.vision.sampler.query_side", (uint)QuerySide);
        draft.Metadata("clip.vision.sampler.head_count", 16u);
        for (int index = 0; index < Transformers.Length; index++)
            Write(draft, index, Transformers[index]);
        WriteConvNext(draft, Transformers.Length);
        for (int layer = 0; layer < Layers; layer++)
            WriteSampler(draft, $"sva.{layer}.", Width);
        draft.Values("sva.query", Width);
        draft.Linear("mm.0", Width, draft.LanguageWidth);
        draft.Linear("mm.2", draft.LanguageWidth, draft.LanguageWidth);
        draft.Values("v.image_newline", draft.LanguageWidth);
    }

    /// <summary>A layer of the aggregator; those in the language model have its width.</summary>
    internal static void WriteSampler(ProjectorDraft draft, string prefix, int queryWidth)
    {
        draft.Matrix(prefix + "context.weight", Width, Width);
        draft.Matrix(prefix + "in.weight", queryWidth + Width, Width);
        foreach (string name in (string[])["q_norm", "norm"])
            draft.Norm(prefix + name, Width);
        foreach (string name in (string[])["q", "out", "up"])
            draft.Matrix($"{prefix}{name}.weight", Width, Width);
        draft.Matrix(prefix + "down.weight", Width, queryWidth);
        for (int tower = 0; tower < 4; tower++)
        {
            foreach (string part in (string[])["k", "v"])
            {
                draft.Norm($"{prefix}{part}_norm.{tower}", Width);
                draft.Matrix($"{prefix}{part}.{tower}.weight", Width, Width);
            }
        }

        draft.Values(prefix + "pos.3", Width, 16);
    }

    private static void Write(ProjectorDraft draft, int index, Tower tower)
    {
        Common(draft, index, tower.Type, tower.Size, Patch, tower.Epsilon, QuerySide, (tower.Padding, tower.Mean, tower.Deviation));
        draft.Metadata($"clip.vision.{index}.embedding_length", (uint)tower.Width);
        draft.Metadata($"clip.vision.{index}.feed_forward_length", (uint)tower.Inner);
        draft.Metadata($"clip.vision.{index}.attention.head_count", (uint)tower.Heads);
        draft.Metadata($"clip.vision.{index}.block_count", (uint)tower.Blocks);
        draft.Metadata($"clip.vision.{index}.activation", tower.Activation);
        string prefix = $"v.{index}.";
        bool isClip = tower.Type == "clip",
            isDino = tower.Type == "dinov2";
        draft.Half(prefix + "patch_embd.weight", Patch, Patch, 3, tower.Width);
        if (!isClip)
            draft.Vector(prefix + "patch_embd.bias", tower.Width, 0);
        if (tower.HasClassToken)
            draft.Values(prefix + "class_embd", tower.Width);
        draft.Values(prefix + "position_embd.weight", tower.Width, tower.PatchSide * tower.PatchSide + (tower.HasClassToken ? 1 : 0));
        draft.Norm(prefix + (isClip ? "pre_ln" : "post_ln"), tower.Width);
        for (int block = 0; block < tower.Blocks; block++)
            WriteBlock(draft, $"{prefix}blk.{block}.", tower, isDino);
        WriteProjection(draft, index, tower.Width);
    }

    private static void WriteBlock(ProjectorDraft draft, string prefix, Tower tower, bool isDino)
    {
        draft.Norm(prefix + "ln1", tower.Width);
        draft.Norm(prefix + "ln2", tower.Width);
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
            draft.Linear(prefix + part, tower.Width, tower.Width);
        foreach (string part in isDino ? (string[])["ffn_gate", "ffn_up"] : ["ffn_up"])
            draft.Linear(prefix + part, tower.Width, tower.Inner);
        draft.Linear(prefix + "ffn_down", tower.Inner, tower.Width);
        if (!isDino)
            return;
        draft.Vector(prefix + "ls1.weight", tower.Width, 1);
        draft.Vector(prefix + "ls2.weight", tower.Width, 1);
    }

    private static void WriteConvNext(ProjectorDraft draft, int index)
    {
        const int StemPatch = 4,
            Kernel = 7,
            Size = 1024,
            TokenSide = 96;
        Common(draft, index, "convnext", Size, StemPatch, 1e-5f, TokenSide, (ClipMean, ClipMean, ClipDeviation));
        draft.Metadata($"clip.vision.{index}.embedding_length", GgufValue.FromArray<int>(StageWidths));
        draft.Metadata($"clip.vision.{index}.block_count", GgufValue.FromArray<int>(StageBlocks));
        string prefix = $"v.{index}.";
        draft.Half(prefix + "patch_embd.weight", StemPatch, StemPatch, 3, StageWidths[0]);
        draft.Vector(prefix + "patch_embd.bias", StageWidths[0], 0);
        draft.Norm(prefix + "pre_ln", StageWidths[0]);
        for (int stage = 0; stage < StageWidths.Length; stage++)
        {
            int width = StageWidths[stage];
            if (stage > 0)
            {
                draft.Norm($"{prefix}stage.{stage}.down_norm", StageWidths[stage - 1]);
                draft.Linear($"{prefix}stage.{stage}.down_conv", 4 * StageWidths[stage - 1], width);
            }

            for (int block = 0; block < StageBlocks[stage]; block++)
            {
                string own = $"{prefix}stage.{stage}.blk.{block}.";
                draft.Values(own + "conv_dw.weight", Kernel, Kernel, 1, width);
                draft.Vector(own + "conv_dw.bias", width, 0);
                draft.Norm(own + "ln", width);
                draft.Linear(own + "ffn_up", width, 4 * width);
                draft.Linear(own + "ffn_down", 4 * width, width);
                draft.Vector(own + "ls.weight", width, 1);
            }
        }

        WriteProjection(draft, index, StageWidths.Sum());
    }

    private static void Common(
        ProjectorDraft draft,
        int index,
        string type,
        int size,
        int patch,
        float epsilon,
        int tokenSide,
        (float[] Padding, float[] Mean, float[] Deviation) colours
    )
    {
        string prefix = $"clip.vision.{index}.";
        draft.Metadata(prefix + "type", type);
        draft.Metadata(prefix + "image_size", (uint)size);
        draft.Metadata(prefix + "patch_size", (uint)patch);
        draft.Metadata(prefix + "attention.layer_norm_epsilon", epsilon);
        draft.Metadata(prefix + "token_side", (uint)tokenSide);
        draft.Metadata(prefix + "pad_mean", GgufValue.FromArray<float>(colours.Padding));
        draft.Metadata(prefix + "image_mean", GgufValue.FromArray<float>(colours.Mean));
        draft.Metadata(prefix + "image_std", GgufValue.FromArray<float>(colours.Deviation));
    }

    private static void WriteProjection(ProjectorDraft draft, int index, int towerWidth)
    {
        draft.Linear($"mm.aux.{index}.0", towerWidth, Width);
        draft.Linear($"mm.aux.{index}.2", Width, Width);
        draft.Norm($"mm.aux.{index}.3", Width);
    }

    private sealed record Tower(
        string Type,
        int Size,
        int Width,
        int Inner,
        int Heads,
        int Blocks,
        float Epsilon,
        string Activation,
        float[] Padding,
        float[] Mean,
        float[] Deviation,
        int PatchSide
    )
    {
        public bool HasClassToken { get; init; }
    }
}
