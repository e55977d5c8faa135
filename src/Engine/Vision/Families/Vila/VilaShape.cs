using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Vila;

/// <summary>VILA 1.5's projector behind SigLIP-400M at 384 pixels, of whose 27 blocks 26 are run.</summary>
internal static class VilaShape
{
    public static ProjectorShape Released { get; } =
        new(
            "Efficient-Large-Model/VILA1.5-3b",
            static draft =>
            {
                TowerShape tower = TowerShape.Siglip with { ImageSize = 384, Blocks = 26, PositionCount = 0 };
                tower.Write(draft, "vila_downsample");
                draft.Metadata("clip.vision.projector.scale_factor", 2u);
                draft.Metadata("clip.vision.projector.token_order", "col");
                draft.Norm("mm.0", 4 * tower.Width);
                draft.Linear("mm.1", 4 * tower.Width, draft.LanguageWidth);
                draft.Linear("mm.3", draft.LanguageWidth, draft.LanguageWidth);
            }
        );
}
