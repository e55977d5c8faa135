using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>The tower and the resampler of OpenFlamingo.</summary>
internal static class FlamingoShape
{
    private const int Depth = 6,
        Latents = 64,
        Heads = 8,
        Inner = 8 * 64;

    /// <summary>openai/clip-vit-large-patch14, config.json.</summary>
    private static readonly TowerShape Tower = new(224, 1024, 4096, 16, 24) { HasClassToken = true, HasFirstNorm = true };

    public static ProjectorShape Released { get; } = new("openflamingo/OpenFlamingo-9B-vitl-mpt7b", Write);

    private static void Write(ProjectorDraft draft)
    {
        Tower.Write(draft, "flamingo");
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
            draft.Norm(prefix + "ffn_norm", width);
            draft.Matrix(prefix + "ffn_up.weight", width, 4 * width);
            draft.Matrix(prefix + "ffn_down.weight", 4 * width, width);
        }
    }
}
