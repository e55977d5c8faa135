using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>mPLUG-Owl's projector.</summary>
internal static class MplugOwlShape
{
    // config.json: visual_abstractor_config and num_query_tokens.
    private const int BlockCount = 6;
    private const int Inner = 4096;
    private const int QueryCount = 64;

    public static ProjectorShape Released { get; } =
        new(
            "MAGAer13/mplug-owl-llama-7b",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge with { ImageSize = 224, Blocks = 24 };
                tower.Write(draft, "abstractor");
                draft.Norm("v.post_ln", tower.Width);
                draft.Values("abstractor.query", tower.Width, QueryCount);
                for (int block = 0; block < BlockCount; block++)
                    WriteBlock(draft, $"abstractor.blk.{block}.", tower.Width);
                draft.Linear(MplugOwlConfig.Connector, tower.Width, draft.LanguageWidth);
                draft.Values("v.image_end", draft.LanguageWidth);
            }
        );

    private static void WriteBlock(ProjectorDraft draft, string prefix, int width)
    {
        foreach (string norm in (string[])["norm1", "norm_k", "norm2"])
            draft.Norm(prefix + norm, width);
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
            draft.Linear(prefix + part, width, width);
        draft.Linear(prefix + "ffn_gate", width, Inner);
        draft.Linear(prefix + "ffn_up", width, Inner);
        draft.Norm(prefix + "ffn_norm", Inner);
        draft.Linear(prefix + "ffn_down", Inner, width);
    }
}
