namespace Tessera.Vision.Families.MplugOwl;

/// <summary>mPLUG-Owl's and mPLUG-Owl2's wording.</summary>
internal static class MplugOwlPrompt
{
    /// <summary>X-PLUG/mPLUG-Owl, mPLUG-Owl/README.md: a picture is a turn of its own.</summary>
    public static FamilyPrompt Wording { get; } =
        new(
            "\nHuman: ",
            "The following is a conversation between a curious human and AI assistant. "
                + "The assistant gives helpful, detailed, and polite answers to the user's questions.\n",
            "Human: ",
            "\nAI: "
        )
        {
            AfterAnswer = "\n",
            SystemForm = "{0}\n",
        };

    /// <summary>X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/conversation.py, conv_mplug_owl2, whose system sentence is never written; the
    /// picture begins the turn (serve/cli.py).</summary>
    public static FamilyPrompt SecondWording { get; } =
        new("", "", "USER: ", " ASSISTANT:")
        {
            ImagePlaceholders = ["<|image|>"],
            BeforeAnswer = " ",
            AfterAnswer = "</s>",
        };
}
