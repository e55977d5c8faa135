using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>LLaVA-NeXT's projector.</summary>
internal static class LlavaNextShape
{
    public static ProjectorShape Released { get; } =
        new(
            "liuhaotian/llava-v1.6-vicuna-7b",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge;
                tower.Write(draft, "mlp");
                draft.Linear("mm.0", tower.Width, draft.LanguageWidth);
                draft.Linear("mm.2", draft.LanguageWidth, draft.LanguageWidth);
                draft.Metadata("clip.vision.image_aspect_ratio", "anyres");
                draft.Metadata("clip.vision.mm_patch_merge_type", "spatial_unpad");
                draft.Metadata(
                    "clip.vision.image_grid_pinpoints",
                    GgufValue.FromArray<int>([336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008])
                );
                draft.Values("model.image_newline", draft.LanguageWidth);
            }
        );
}
