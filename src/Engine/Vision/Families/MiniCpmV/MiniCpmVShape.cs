using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>MiniCPM-V 2.6's projector.</summary>
internal static class MiniCpmVShape
{
    public static ProjectorShape Released { get; } =
        new(
            "openbmb/MiniCPM-V-2_6",
            static draft =>
            {
                TowerShape tower = TowerShape.Siglip;
                tower.Write(draft, "resampler");
                draft.Metadata("clip.has_minicpmv_projector", true);
                draft.Metadata("clip.minicpmv_version", 3);
                draft.Metadata("clip.minicpmv_query_num", 64u);
                draft.Norm("v.post_ln", tower.Width);
                draft.Values("resampler.query", draft.LanguageWidth, 64);
                draft.Values("resampler.pos_embed_k", draft.LanguageWidth, 1024);
                draft.Matrix("resampler.kv.weight", tower.Width, draft.LanguageWidth);
                foreach (string part in (string[])["q", "k", "v", "out"])
                    draft.Linear($"resampler.attn.{part}", draft.LanguageWidth, draft.LanguageWidth);
                foreach (string norm in (string[])["ln_q", "ln_kv", "ln_post"])
                    draft.Norm($"resampler.{norm}", draft.LanguageWidth);
                draft.Matrix("resampler.proj.weight", draft.LanguageWidth, draft.LanguageWidth);
            }
        );
}
