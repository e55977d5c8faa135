namespace Tessera.Vision.Families.Glm4v;

/// <summary>GLM-4V's wording.</summary>
internal static class Glm4vPrompt
{
    /// <summary>
    /// THUDM/glm-4v-9b, tokenization_chatglm.py, build_single_message and apply_chat_template: a role, a newline, the picture, the message;
    /// the newline behind the assistant's role is the answer's.
    /// </summary>
    public static FamilyPrompt Wording { get; } =
        new("", "[gMASK]<sop>", "<|user|>\n", "<|assistant|>")
        {
            ImagePlaceholders = ["<|begin_of_image|><|endoftext|><|end_of_image|>"],
            SystemForm = "[gMASK]<sop><|system|>\n{0}",
            BeforeAnswer = "\n",
        };
}
