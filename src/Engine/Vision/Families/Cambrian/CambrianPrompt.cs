namespace Tessera.Vision.Families.Cambrian;

/// <summary>How the authors word prompts: cambrian-mllm/cambrian 539ffc3, cambrian/conversation.py.</summary>
internal static class CambrianPrompt
{
    private const string First = "You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. ",
        Second =
            "As a multimodal AI, you have the ability to process and analyze images. Whenever an image is present in the conversation, "
            + "very carefully examine it and consider its content when formulating your response.",
        Third =
            "You should give concise responses to very simple questions, but provide thorough responses to more complex and open-ended "
            + "questions.";

    // Broken and indented as in the authors' source.
    private const string Llama3System = First + "\n    " + Second + "\n    " + Third + " ",
        ChatMlSystem = First + Second + " " + Third;

    private const string Llama3Form = "<|start_header_id|>system<|end_header_id|>{0}<|eot_id|>",
        ChatMlForm = "<|im_start|>system\n{0}<|im_end|>";

    /// <summary>conv_llama_3 (8B), whose headers no newlines follow; conv_chatml_direct (34B); conv_vicuna_v1 (13B).</summary>
    public static FamilyPrompt Wording { get; } =
        new(
            "\n",
            Llama3Form.Replace("{0}", Llama3System, StringComparison.Ordinal),
            "<|start_header_id|>user<|end_header_id|>",
            "<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
        )
        {
            SystemForm = Llama3Form,
            AfterAnswer = "<|eot_id|>",
            RequiredToken = "<|start_header_id|>",
            Otherwise = new(
                "\n",
                ChatMlForm.Replace("{0}", ChatMlSystem, StringComparison.Ordinal),
                "<|im_start|>user\n",
                "<|im_end|><|im_start|>assistant\n"
            )
            {
                SystemForm = ChatMlForm,
                AfterAnswer = "<|im_end|>",
                RequiredToken = "<|im_start|>",
                Otherwise = FamilyPrompt.Vicuna,
            },
        };
}
