namespace Tessera.Vision.Families.MplugOwl2;

/// <summary>mPLUG-Owl2's wording.</summary>
internal static class MplugOwl2Prompt
{
    /// <summary>X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/conversation.py, conv_mplug_owl2, whose system sentence is never written; the
    /// picture begins the turn (serve/cli.py).</summary>
    public static FamilyPrompt Wording { get; } =
        new("", "", "USER: ", " ASSISTANT:")
        {
            ImagePlaceholders = ["<|image|>"],
            BeforeAnswer = " ",
            AfterAnswer = "</s>",
        };
}
