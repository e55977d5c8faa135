using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Glm4v;

/// <summary>GLM-4V-9B's projector.</summary>
internal static class Glm4vShape
{
    // config.json, ffn_hidden_size.
    private const int Inner = 13696;

    public static ProjectorShape Released { get; } =
        new(
            "THUDM/glm-4v-9b",
            static draft =>
            {
                TowerShape tower = TowerShape.EvaE;
                tower.Write(draft, "adapter_eva");
                draft.Linear(Glm4vEncoder.Convolution, 4 * tower.Width, draft.LanguageWidth);
                GatedConnectorNames names = GatedConnectorNames.Adapter;
                draft.Matrix(names.Project + ".weight", draft.LanguageWidth, draft.LanguageWidth);
                draft.Norm(names.Norm, draft.LanguageWidth);
                draft.Matrix(names.Gate + ".weight", draft.LanguageWidth, Inner);
                draft.Matrix(names.Up + ".weight", draft.LanguageWidth, Inner);
                draft.Matrix(names.Down + ".weight", Inner, draft.LanguageWidth);
                draft.Values("adapter.boi", draft.LanguageWidth);
                draft.Values("adapter.eoi", draft.LanguageWidth);
            }
        );
}
