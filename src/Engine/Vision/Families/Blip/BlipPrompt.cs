namespace Tessera.Vision.Families.Blip;

/// <summary>BLIP's wording: there is none.</summary>
internal static class BlipPrompt
{
    /// <summary>A text begins the caption, and without one the caption is all the model's (salesforce/LAVIS,
    /// lavis/models/blip_models/blip_caption.py, where it is "a picture of "); a question goes to the text encoder as it is.</summary>
    public static FamilyPrompt Wording { get; } = new("", "", "", "");
}
