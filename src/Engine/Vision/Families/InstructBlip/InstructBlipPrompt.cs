namespace Tessera.Vision.Families.InstructBlip;

/// <summary>InstructBLIP's wording: there is none.</summary>
internal static class InstructBlipPrompt
{
    /// <summary>The instruction as it is, behind the picture (salesforce/LAVIS, projects/instructblip/run_demo.py); the authors have no
    /// turns, so these are told apart by spaces alone.</summary>
    public static FamilyPrompt Wording { get; } = new("", "", "", "") { BeforeAnswer = " ", AfterAnswer = " " };
}
