using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>mPLUG-Owl's projector and mPLUG-Owl2's, as their config.json say.</summary>
internal static class MplugOwlShape
{
    private const int BlockCount = 6;
    private const int QueryCount = 64;

    public static ProjectorShape Released { get; } =
        new(
            "MAGAer13/mplug-owl-llama-7b",
            static draft => Write(draft, "abstractor", TowerShape.ClipLarge with { ImageSize = 224, Blocks = 24 }, inner: 4096)
        );

    public static ProjectorShape SecondReleased { get; } =
        new(
            "MAGAer13/mplug-owl2-llama2-7b",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge with { ImageSize = 448, Blocks = 24 };
                Write(draft, "mplug_owl2", tower, inner: 2816);
                for (int block = 0; block < BlockCount; block++)
                {
                    draft.Values($"abstractor.blk.{block}.query_pos", tower.Width, QueryCount);
                    draft.Values($"abstractor.blk.{block}.key_pos", tower.Width, 1 + 32 * 32);
                }
            }
        );

    private static void Write(ProjectorDraft draft, string type, TowerShape tower, int inner)
    {
        tower.Write(draft, type);
        draft.Norm("v.post_ln", tower.Width);
        draft.Values("abstractor.query", tower.Width, QueryCount);
        for (int block = 0; block < BlockCount; block++)
            WriteBlock(draft, $"abstractor.blk.{block}.", tower.Width, inner);
        draft.Linear(MplugOwlConfig.Connector, tower.Width, draft.LanguageWidth);
        draft.Values("v.image_end", draft.LanguageWidth);
    }

    private static void WriteBlock(ProjectorDraft draft, string prefix, int width, int inner)
    {
        foreach (string norm in (string[])["norm1", "norm_k", "norm2"])
            draft.Norm(prefix + norm, width);
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
            draft.Linear(prefix + part, width, width);
        draft.Linear(prefix + "ffn_gate", width, inner);
        draft.Linear(prefix + "ffn_up", width, inner);
        draft.Norm(prefix + "ffn_norm", inner);
        draft.Linear(prefix + "ffn_down", inner, width);
    }
}
