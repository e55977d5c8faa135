namespace Tessera.Vision.Families;

/// <summary>What a family writes around turns where the language model's file has no chat template of its own.</summary>
/// <param name="AfterImage">Text between a picture and what follows it in a user's turn.</param>
/// <param name="System">The system sentence with its separator, used when the caller gives none.</param>
/// <param name="UserPrefix">Text before a user's turn.</param>
/// <param name="AssistantPrefix">Text between the user's turn and the answer.</param>
internal sealed record FamilyPrompt(string AfterImage, string System, string UserPrefix, string AssistantPrefix)
{
    /// <summary>What the family's chat templates print in the place of a picture.</summary>
    public IReadOnlyList<string> ImagePlaceholders { get; init; } = ["<image>"];

    /// <summary>Text between the assistant's prefix and an earlier answer.</summary>
    public string BeforeAnswer { get; init; } = "";

    /// <summary>Text after an earlier answer.</summary>
    public string AfterAnswer { get; init; } = "";

    /// <summary>How the caller's own system sentence is written, {0} standing for it.</summary>
    public string SystemForm { get; init; } = "{0} ";

    /// <summary>Written before each of several pictures, {0} standing for its number from 1; empty for nothing.</summary>
    public string ImageLabel { get; init; } = "";

    /// <summary>A token that the language model must have for this wording; null for none.</summary>
    public string? RequiredToken { get; init; }

    /// <summary>The wording for language models without <see cref="RequiredToken"/>.</summary>
    public FamilyPrompt? Otherwise { get; init; }

    /// <summary>LLaVA-1.5: haotian-liu/LLaVA, llava/conversation.py, conv_llava_v1.</summary>
    public static FamilyPrompt Vicuna { get; } =
        new(
            "\n",
            "A chat between a curious human and an artificial intelligence assistant. "
                + "The assistant gives helpful, detailed, and polite answers to the human's questions. ",
            "USER: ",
            " ASSISTANT:"
        )
        {
            BeforeAnswer = " ",
            AfterAnswer = "</s>",
        };

    /// <summary>LLaVA-OneVision: LLaVA-VL/LLaVA-NeXT, llava/conversation.py, conv_qwen.</summary>
    public static FamilyPrompt Qwen { get; } =
        new(
            "\n",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
            "<|im_start|>user\n",
            "<|im_end|>\n<|im_start|>assistant\n"
        )
        {
            SystemForm = ChatMlSystem,
            AfterAnswer = "<|im_end|>\n",
        };

    /// <summary>
    /// InternVL: OpenGVLab/InternVL, internvl_chat/internvl/conversation.py, internvl2_5, which is written for all models of ChatML
    /// (InternLM2, Qwen2, Hermes 2 on Llama 3); phi3-chat for Phi-3, without the newline behind each tag, which Phi-3's tokenizer drops
    /// (libllama only if the file's name says Phi-3). Labels of several pictures: the README's "multi-image" example.
    /// </summary>
    public static FamilyPrompt InternVl { get; } =
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
            Otherwise = Qwen with
            {
                System =
                    "<|im_start|>system\n你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。<|im_end|>\n",
                ImagePlaceholders = ["<image>", "<IMG_CONTEXT>"],
                ImageLabel = "Image-{0}: ",
            },
        };

    // What MiniCPM-V's processors replace by a picture.
    private static readonly string[] miniCpmPlaceholders = ["(<image>./</image>)"];

    /// <summary>MiniCPM-V 2.0: openbmb/MiniCPM-V-2, modeling_minicpmv.py, chat.</summary>
    public static FamilyPrompt MiniCpm { get; } = new("\n", "", "<用户>", "<AI>") { ImagePlaceholders = miniCpmPlaceholders };

    /// <summary>MiniCPM-Llama3-V 2.5: meta-llama/Meta-Llama-3-8B-Instruct, tokenizer_config.json.</summary>
    public static FamilyPrompt MiniCpmLlama3 { get; } =
        new("\n", "", "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
        {
            ImagePlaceholders = miniCpmPlaceholders,
            SystemForm = "<|start_header_id|>system<|end_header_id|>\n\n{0}<|eot_id|>",
            AfterAnswer = "<|eot_id|>",
        };

    /// <summary>MiniCPM-V 2.6 and MiniCPM-o 2.6: Qwen2's.</summary>
    public static FamilyPrompt MiniCpmQwen2 { get; } = Qwen with { ImagePlaceholders = miniCpmPlaceholders };

    /// <summary>MiniCPM-V 4.0: openbmb/MiniCPM4-0.5B, tokenizer_config.json, without a system sentence.</summary>
    public static FamilyPrompt MiniCpm4 { get; } = Qwen with { System = "", ImagePlaceholders = miniCpmPlaceholders };

    /// <summary>MiniCPM-V 4.5 and MiniCPM-o 4.5: Qwen3's with thinking off, which is their chat's default.</summary>
    public static FamilyPrompt MiniCpmQwen3 { get; } = MiniCpm4 with { AssistantPrefix = Qwen.AssistantPrefix + "<think>\n\n</think>\n\n" };

    /// <summary>MiniCPM-V 4.6: openbmb/MiniCPM-V-4.6, chat_template.jinja, with thinking off, which is its default.</summary>
    public static FamilyPrompt MiniCpmQwen35 { get; } = MiniCpmQwen3 with { ImagePlaceholders = ["<|image_pad|>"] };

    private const string ChatMlSystem = "<|im_start|>system\n{0}<|im_end|>\n";

    /// <summary>The wording for a language model, by the tokens it has.</summary>
    public FamilyPrompt For(Func<string, bool> hasToken) =>
        RequiredToken is null || Otherwise is null || hasToken(RequiredToken) ? this : Otherwise.For(hasToken);
}
