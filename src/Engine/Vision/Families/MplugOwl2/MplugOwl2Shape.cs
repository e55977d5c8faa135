using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl2;

/// <summary>mPLUG-Owl2's projector.</summary>
internal static class MplugOwl2Shape
{
    // config.json: visual_config.
    private const int BlockCount = 6;
    private const int Inner = 2816;
    private const int QueryCount = 64;
    private const int FeatureCount = 1 + 32 * 32;

    public static ProjectorShape Released { get; } =
        new(
            "MAGAer13/mplug-owl2-llama2-7b",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge with { ImageSize = 448, Blocks = 24 };
                tower.Write(draft, "mplug_owl2");
                draft.Norm("v.post_ln", tower.Width);
                draft.Values("abstractor.query", tower.Width, QueryCount);
                for (int block = 0; block < BlockCount; block++)
                    WriteBlock(draft, $"abstractor.blk.{block}.", tower.Width);
                draft.Linear(MplugOwl2Config.Connector, tower.Width, draft.LanguageWidth);
                draft.Values("v.image_end", draft.LanguageWidth);
            }
        );

    private static void WriteBlock(ProjectorDraft draft, string prefix, int width)
    {
        foreach (string norm in (string[])["norm1", "norm_k", "norm2"])
            draft.Norm(prefix + norm, width);
        draft.Values(prefix + "query_pos", width, QueryCount);
        draft.Values(prefix + "key_pos", width, FeatureCount);
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
            draft.Linear(prefix + part, width, width);
        draft.Linear(prefix + "ffn_gate", width, Inner);
        draft.Linear(prefix + "ffn_up", width, Inner);
        draft.Norm(prefix + "ffn_norm", Inner);
        draft.Linear(prefix + "ffn_down", Inner, width);
    }
}
