using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>LLaVA-UHD's projector.</summary>
internal static class LlavaUhdShape
{
    public static ProjectorShape Released { get; } =
        new(
            "thunlp/LLaVA-UHD",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge;
                tower.Write(draft, "uhd_resampler");
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
