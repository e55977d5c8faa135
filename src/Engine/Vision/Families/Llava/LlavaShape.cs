using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Llava;

/// <summary>LLaVA-1.5's projector.</summary>
internal static class LlavaShape
{
    public static ProjectorShape Released { get; } =
        new(
            "liuhaotian/llava-v1.5-7b",
            static draft =>
            {
                TowerShape tower = TowerShape.ClipLarge;
                tower.Write(draft, "mlp");
                draft.Linear("mm.0", tower.Width, draft.LanguageWidth);
                draft.Linear("mm.2", draft.LanguageWidth, draft.LanguageWidth);
            }
        );
}
