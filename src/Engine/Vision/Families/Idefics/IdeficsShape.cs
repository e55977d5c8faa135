using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Idefics;

/// <summary>The tower and the perceiver of IDEFICS 9B.</summary>
internal static class IdeficsShape
{
    private const int Depth = 6,
        Latents = 64,
        Heads = 16,
        Inner = 16 * 96;

    /// <summary>laion/CLIP-ViT-H-14-laion2B-s32B-b79K, as config.json of the release has it.</summary>
    private static readonly TowerShape Tower = new(224, 1280, 5120, 16, 32)
    {
        HasClassToken = true,
        HasFirstNorm = true,
        UsesGelu = true,
    };

    public static ProjectorShape Released { get; } = new("HuggingFaceM4/idefics-9b", Write);

    private static void Write(ProjectorDraft draft)
    {
        Tower.Write(draft, "idefics");
        int width = Tower.Width;
        draft.Metadata("clip.perceiver.attention.head_count", (uint)Heads);
        draft.Values("perceiver.latents", width, Latents);
        draft.Norm("perceiver.norm", width);
        for (int block = 0; block < Depth; block++)
        {
            string prefix = $"perceiver.blk.{block}.";
            draft.Norm(prefix + "norm_media", width);
            draft.Norm(prefix + "norm_latents", width);
            foreach (string part in (string[])["q", "k", "v"])
                draft.Matrix($"{prefix}{part}.weight", width, Inner);
            draft.Matrix(prefix + "out.weight", Inner, width);
            draft.Norm(prefix + "q_norm", Inner / Heads);
            draft.Norm(prefix + "k_norm", Inner / Heads);
            draft.Norm(prefix + "ffn_norm", width);
            draft.Matrix(prefix + "ffn_up.weight", width, 4 * width);
            draft.Matrix(prefix + "ffn_down.weight", 4 * width, width);
        }
    }
}
