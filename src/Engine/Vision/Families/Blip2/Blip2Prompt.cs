namespace Tessera.Vision.Families.Blip2;

/// <summary>BLIP-2's wording, by the language model that it was made for.</summary>
internal static class Blip2Prompt
{
    /// <summary>
    /// Questions as the authors ask them: salesforce/LAVIS, lavis/projects/blip2/eval/vqav2_zeroshot_flant5xl_eval.yaml and, for OPT,
    /// vqav2_zeroshot_opt_eval.yaml; earlier ones as in examples/blip2_instructed_generation.ipynb. A caption needs no words.
    /// </summary>
    public static FamilyPrompt WordingFor(string? language) =>
        new("", "", "Question: ", language == "opt" ? " Answer:" : " Short answer:")
        {
            ImagesComeFirst = true,
            BeforeAnswer = " ",
            AfterAnswer = ". ",
        };
}
