using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl;

/// <summary>InternVL's projector behind InternViT-300M.</summary>
internal static class InternVlShape
{
    public static ProjectorShape Released { get; } =
        new(
            "OpenGVLab/InternVL2-8B",
            static draft =>
            {
                TowerShape tower = TowerShape.InternVit;
                tower.Write(draft, "internvl");
                draft.Norm("mm.model.mlp.0", 4 * tower.Width);
                draft.Linear("mm.model.mlp.1", 4 * tower.Width, draft.LanguageWidth);
                draft.Linear("mm.model.mlp.3", draft.LanguageWidth, draft.LanguageWidth);
            }
        );
}
