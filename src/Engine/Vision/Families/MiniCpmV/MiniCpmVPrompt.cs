namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>The wordings of MiniCPM-V, which follow its language models.</summary>
internal static class MiniCpmVPrompt
{
    // What MiniCPM-V's processors replace by a picture.
    private static readonly string[] Placeholders = ["(<image>./</image>)"];

    /// <summary>MiniCPM-V 2.0: openbmb/MiniCPM-V-2, modeling_minicpmv.py, chat.</summary>
    public static FamilyPrompt Cpm2 { get; } = new("\n", "", "<用户>", "<AI>") { ImagePlaceholders = Placeholders };

    /// <summary>MiniCPM-Llama3-V 2.5: meta-llama/Meta-Llama-3-8B-Instruct, tokenizer_config.json.</summary>
    public static FamilyPrompt Llama3 { get; } =
        new("\n", "", "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
        {
            ImagePlaceholders = Placeholders,
            SystemForm = "<|start_header_id|>system<|end_header_id|>\n\n{0}<|eot_id|>",
            AfterAnswer = "<|eot_id|>",
        };

    /// <summary>MiniCPM-V 2.6 and MiniCPM-o 2.6: Qwen2's.</summary>
    public static FamilyPrompt Qwen2 { get; } = FamilyPrompt.Qwen with { ImagePlaceholders = Placeholders };

    /// <summary>MiniCPM-V 4.0: openbmb/MiniCPM4-0.5B, tokenizer_config.json, without a system sentence.</summary>
    public static FamilyPrompt Cpm4 { get; } = FamilyPrompt.Qwen with { System = "", ImagePlaceholders = Placeholders };

    /// <summary>MiniCPM-V 4.5 and MiniCPM-o 4.5: Qwen3's with thinking off, which is their chat's default.</summary>
    public static FamilyPrompt Qwen3 { get; } =
        Cpm4 with
        {
            AssistantPrefix = FamilyPrompt.Qwen.AssistantPrefix + "<think>\n\n</think>\n\n",
        };

    /// <summary>MiniCPM-V 4.6: openbmb/MiniCPM-V-4.6, chat_template.jinja, with thinking off, which is its default.</summary>
    public static FamilyPrompt Qwen35 { get; } = Qwen3 with { ImagePlaceholders = ["<|image_pad|>"] };
}
