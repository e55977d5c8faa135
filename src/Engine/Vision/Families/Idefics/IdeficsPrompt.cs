namespace Tessera.Vision.Families.Idefics;

/// <summary>IDEFICS' wording.</summary>
internal static class IdeficsPrompt
{
    /// <summary>
    /// HuggingFaceM4/idefics-9b-instruct, README.md: turns that end with a token of their own; those of the base model, which has none,
    /// end with a line.
    /// </summary>
    public static FamilyPrompt Wording { get; } =
        new("", "", "User:", "<end_of_utterance>\nAssistant:")
        {
            BeforeAnswer = " ",
            AfterAnswer = "<end_of_utterance>\n",
            SystemForm = "{0}\n",
            RequiredToken = "<end_of_utterance>",
            Otherwise = new("", "", "User:", "\nAssistant:")
            {
                BeforeAnswer = " ",
                AfterAnswer = "\n",
                SystemForm = "{0}\n",
            },
        };
}
