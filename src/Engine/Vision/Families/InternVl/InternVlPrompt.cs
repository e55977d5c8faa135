namespace Tessera.Vision.Families.InternVl;

/// <summary>InternVL's wording.</summary>
internal static class InternVlPrompt
{
    /// <summary>
    /// InternVL: OpenGVLab/InternVL, internvl_chat/internvl/conversation.py, internvl2_5, which is written for all models of ChatML
    /// (InternLM2, Qwen2, Hermes 2 on Llama 3); phi3-chat for Phi-3, without the newline behind each tag, which Phi-3's tokenizer drops
    /// (libllama only if the file's name says Phi-3). Labels of several pictures: the README's "multi-image" example.
    /// </summary>
    public static FamilyPrompt Wording { get; } =
        new(
            "\n",
            "<|system|>你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。<|end|>",
            "<|user|>",
            "<|end|><|assistant|>"
        )
        {
            ImagePlaceholders = ["<image>", "<IMG_CONTEXT>"],
            SystemForm = "<|system|>{0}<|end|>",
            AfterAnswer = "<|end|>",
            ImageLabel = "Image-{0}: ",
            RequiredToken = "<|assistant|>",
            Otherwise = FamilyPrompt.Qwen with
            {
                System =
                    "<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。<|im_end|>\n",
                ImagePlaceholders = ["<image>", "<IMG_CONTEXT>"],
                ImageLabel = "Image-{0}: ",
            },
        };
}
