namespace Tessera.Vision.Families.CogVlm;

/// <summary>CogVLM's wordings: the picture stands before the text, whatever that is.</summary>
internal static class CogVlmPrompt
{
    private static readonly FamilyPrompt Chat = Asked(" Answer:");
    private static readonly FamilyPrompt ShortAnswer = Asked(" Short answer:");

    // The base models know no turns; what was said before stands as in the others.
    private static readonly FamilyPrompt Plain = new("", "", "", "")
    {
        ImagesComeFirst = true,
        BeforeAnswer = " ",
        AfterAnswer = "\n",
    };

    /// <summary>THUDM/cogvlm2-llama3-chat-19B, modeling_cogvlm.py, _history_to_prompt and build_conversation_input_ids.</summary>
    public static FamilyPrompt Of(CogVlmWording wording) =>
        wording switch
        {
            CogVlmWording.Base => Plain,
            CogVlmWording.ShortAnswer => ShortAnswer,
            _ => Chat,
        };

    private static FamilyPrompt Asked(string answerPrefix) =>
        new("", "", "Question: ", answerPrefix)
        {
            ImagesComeFirst = true,
            BeforeAnswer = " ",
            AfterAnswer = "\n",
        };
}
