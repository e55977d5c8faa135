namespace Tessera.Vision.Families.Mllama;

/// <summary>Llama 3's wording, for files without a chat template.</summary>
internal static class MllamaPrompt
{
    /// <summary>meta-llama/llama-models, models/llama3_2/vision_prompt_format.md.</summary>
    public static FamilyPrompt Wording { get; } =
        new("", "", "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
        {
            ImagePlaceholders = ["<|image|>"],
            SystemForm = "<|start_header_id|>system<|end_header_id|>\n\n{0}<|eot_id|>",
            AfterAnswer = "<|eot_id|>",
        };
}
