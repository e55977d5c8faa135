using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip2;

/// <summary>BLIP-2's projector.</summary>
internal static class Blip2Shape
{
    public static ProjectorShape Released { get; } =
        new(
            "Salesforce/blip2-flan-t5-xl",
            static draft =>
            {
                TowerShape tower = TowerShape.EvaGiant;
                tower.Write(draft, "qformer");
                QFormerShape.Bert.Write(draft, tower.Width);
                draft.Metadata("clip.vision.projector.language", "t5");
                draft.Linear("mm.0", QFormerShape.Bert.Width, draft.LanguageWidth);
            }
        );
}
