using Tessera.Gguf;

namespace Tessera.Vision.Families.CogVlm;

/// <summary>CogVLM and CogVLM2.</summary>
internal static class CogVlmFamily
{
    public static VisionFamily Row { get; } =
        new(["cogvlm"], static _ => true, static file => CogVlmConfig.IsSecond(file) ? "CogVLM2" : "CogVLM", Open, CogVlmShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        CogVlmConfig config = CogVlmConfig.Read(file);
        return new FamilyParts(
            new CogVlmImageProcessor(config),
            config.Outputs,
            weights => new CogVlmEncoder(config, weights),
            CogVlmPrompt.Of(config.Wording)
        )
        {
            Languages = ["cogvlm"],
            // Both classes make the connector as wide inside as the language model's feed-forward networks.
            IsFor = language =>
                !language.Metadata.TryGetUInt32("cogvlm.feed_forward_length", out uint inner) || inner == (uint)config.Inner,
            RowsSharePositions = true,
            Regions = BracketRegions.Read,
        };
    }
}
