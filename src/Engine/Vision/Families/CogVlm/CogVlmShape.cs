using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.CogVlm;

/// <summary>CogVLM2's projector.</summary>
internal static class CogVlmShape
{
    // config.json, intermediate_size and vision_config.image_size.
    private const int Inner = 14336;
    private const int ImageSize = 1344;

    public static ProjectorShape Released { get; } =
        new(
            "THUDM/cogvlm2-llama3-chat-19B",
            static draft =>
            {
                TowerShape tower = TowerShape.EvaE with { ImageSize = ImageSize };
                tower.Write(draft, "cogvlm");
                draft.Linear(CogVlmEncoder.Convolution, 4 * tower.Width, tower.Width);
                GatedConnectorNames names = GatedConnectorNames.CogVlm;
                draft.Matrix(names.Project + ".weight", tower.Width, draft.LanguageWidth);
                draft.Norm(names.Norm, draft.LanguageWidth);
                draft.Matrix(names.Gate + ".weight", draft.LanguageWidth, Inner);
                draft.Matrix(names.Up + ".weight", draft.LanguageWidth, Inner);
                draft.Matrix(names.Down + ".weight", Inner, draft.LanguageWidth);
                draft.Values("v.boi", draft.LanguageWidth);
                draft.Values("v.eoi", draft.LanguageWidth);
            }
        );
}
