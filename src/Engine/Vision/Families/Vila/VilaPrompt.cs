namespace Tessera.Vision.Families.Vila;

/// <summary>VILA's wordings. Source: NVlabs/VILA, llava/conversation.py, branches vila1.5 and main.</summary>
internal static class VilaPrompt
{
    private const string ChatMlSystem = "<|im_start|>system\n{0}<|im_end|>";

    /// <summary>3B and 13B: vicuna_v1.</summary>
    private static readonly FamilyPrompt Vicuna = FamilyPrompt.Vicuna with
    {
        System =
            "A chat between a curious user and an artificial intelligence assistant. "
            + "The assistant gives helpful, detailed, and polite answers to the user's questions. ",
    };

    /// <summary>40B: hermes-2, which is ChatML without a newline behind a turn.</summary>
    private static readonly FamilyPrompt Hermes2 = new(
        "\n",
        "<|im_start|>system\nAnswer the questions.<|im_end|>",
        "<|im_start|>user\n",
        "<|im_end|><|im_start|>assistant\n"
    )
    {
        SystemForm = ChatMlSystem,
        AfterAnswer = "<|im_end|>",
        RequiredToken = "<|im_start|>",
        Otherwise = Vicuna,
    };

    /// <summary>
    /// VILA 1.5, by the language model's tokens. 8B's is llama_3 of branch vila1.5, whose answers stand under a second system header.
    /// </summary>
    public static FamilyPrompt Vila15 { get; } =
        new(
            "\n",
            "<|start_header_id|>system<|end_header_id|>\n\nYou are a helpful language and vision assistant. "
                + "You are able to understand the visual content that the user provides, "
                + "and assist the user with a variety of tasks using natural language.<|end_of_text|>",
            "<|start_header_id|>user<|end_header_id|>\n\n",
            "<|end_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        )
        {
            SystemForm = "<|start_header_id|>system<|end_header_id|>\n\n{0}<|end_of_text|>",
            AfterAnswer = "<|end_of_text|>",
            RequiredToken = "<|start_header_id|>",
            Otherwise = Hermes2,
        };

    /// <summary>NVILA: llava/model/language_model/chat_templates/qwen2.jinja; the question follows the picture directly
    /// (llava/utils/media.py, extract_media).</summary>
    public static FamilyPrompt Nvila { get; } =
        new("", "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
        {
            SystemForm = ChatMlSystem + "\n",
            AfterAnswer = "<|im_end|>\n",
        };
}
