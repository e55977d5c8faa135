using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>MiniCPM-V 4.6's projector.</summary>
internal static class MiniCpmV46Shape
{
    public static ProjectorShape Released { get; } =
        new(
            "openbmb/MiniCPM-V-4.6",
            static draft =>
            {
                TowerShape tower = TowerShape.Siglip;
                int square = 4 * tower.Width;
                tower.Write(draft, "minicpmv4_6");
                draft.Metadata("clip.vision.projector.scale_factor", 4u);
                draft.Metadata("clip.vision.wa_layer_indexes", GgufValue.FromArray<int>([6]));
                draft.Norm("v.post_ln", tower.Width);
                draft.Norm("v.vit_merger.ln1", tower.Width);
                foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
                    draft.Linear($"v.vit_merger.{part}", tower.Width, tower.Width);
                draft.Norm("v.vit_merger.ds_ln", square);
                draft.Linear("v.vit_merger.ds_ffn_up", square, 4 * tower.FeedForward);
                draft.Linear("v.vit_merger.ds_ffn_down", 4 * tower.FeedForward, tower.Width);
                draft.Norm("mm.input_norm", square);
                draft.Linear("mm.up", square, square);
                draft.Linear("mm.down", square, draft.LanguageWidth);
            }
        );
}
