using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>The tower of BLIP's captioning model.</summary>
internal static class BlipShape
{
    /// <summary>ViT-L/16 at 384, config.json of the release.</summary>
    private static readonly TowerShape Tower = new(384, 1024, 4096, 16, 24)
    {
        PatchSize = 16,
        HasClassToken = true,
        HasPatchBias = true,
        HasLastNorm = true,
        UsesGelu = true,
    };

    public static ProjectorShape Released { get; } =
        new("Salesforce/blip-image-captioning-large", static draft => Tower.Write(draft, "blip"));
}
