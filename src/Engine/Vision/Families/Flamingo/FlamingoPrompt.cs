namespace Tessera.Vision.Families.Flamingo;

/// <summary>OpenFlamingo's wording.</summary>
internal static class FlamingoPrompt
{
    /// <summary>Questions and answers as the authors ask them, one chunk after the other (mlfoundations/open_flamingo,
    /// open_flamingo/eval/eval_models/open_flamingo.py, get_vqa_prompt).</summary>
    public static FamilyPrompt Wording { get; } =
        new("", "", "Question:", " Short answer:")
        {
            ImagesComeFirst = true,
            AfterAnswer = "<|endofchunk|>",
            SystemForm = "{0}<|endofchunk|>",
        };
}
