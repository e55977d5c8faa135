namespace Tessera.Models;

/// <summary>What a family writes around turns where the language model's file has no chat template of its own.</summary>
/// <param name="AfterImage">Text between a picture and what follows it in a user's turn.</param>
/// <param name="System">The system sentence with its separator, used when the caller gives none.</param>
/// <param name="UserPrefix">Text before a user's turn.</param>
/// <param name="AssistantPrefix">Text between the user's turn and the answer.</param>
internal sealed record FamilyPrompt(string AfterImage, string System, string UserPrefix, string AssistantPrefix)
{
    /// <summary>What the family's chat templates print in the place of a picture.</summary>
    public IReadOnlyList<string> ImagePlaceholders { get; init; } = ["<image>"];

    /// <summary>LLaVA-1.5: haotian-liu/LLaVA, llava/conversation.py, conv_llava_v1.</summary>
    public static FamilyPrompt Vicuna { get; } = new("\n",
        "A chat between a curious human and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the human's questions. ",
        "USER: ", " ASSISTANT:");

    /// <summary>LLaVA-OneVision: LLaVA-VL/LLaVA-NeXT, llava/conversation.py, conv_qwen.</summary>
    public static FamilyPrompt Qwen { get; } = new("\n",
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n");
}
