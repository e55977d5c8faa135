using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>MiniGPT-v2's projector.</summary>
internal static class MiniGptShape
{
    public static ProjectorShape Released { get; } =
        new(
            "Vision-CAIR/MiniGPT-4, minigpt4/configs/models/minigpt_v2.yaml",
            static draft =>
            {
                TowerShape tower = TowerShape.EvaGiant with { ImageSize = 448 };
                tower.Write(draft, "minigpt4");
                draft.Metadata("clip.minigpt.wording", "v2");
                draft.Linear("mm.0", MiniGptConfig.TokensPerRow * tower.Width, draft.LanguageWidth);
            }
        );
}
