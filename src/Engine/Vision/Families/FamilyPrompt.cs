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

    /// <summary>Texts that end an answer; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>How the caller's own system sentence is written, {0} standing for it.</summary>
    public string SystemForm { get; init; } = "{0} ";

    /// <summary>Written before each of several pictures, {0} standing for its number from 1; empty for nothing.</summary>
    public string ImageLabel { get; init; } = "";

    /// <summary>Whether pictures stand before the user's prefix, not behind it.</summary>
    public bool ImagesComeFirst { get; init; }

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

    private const string ChatMlSystem = "<|im_start|>system\n{0}<|im_end|>\n";

    /// <summary>The wording for a language model, by the tokens it has.</summary>
    public FamilyPrompt For(Func<string, bool> hasToken) =>
        RequiredToken is null || Otherwise is null || hasToken(RequiredToken) ? this : Otherwise.For(hasToken);
}
