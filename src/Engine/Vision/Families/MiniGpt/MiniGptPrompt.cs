namespace Tessera.Vision.Families.MiniGpt;

/// <summary>The wording of MiniGPT-4 and MiniGPT-v2: Vision-CAIR/MiniGPT-4, minigpt4/conversation/conversation.py.</summary>
internal static class MiniGptPrompt
{
    private const string System =
        "Give the following image: <Img>ImageContent</Img>. "
        + "You will be able to see the image once I provide it to you. Please answer my questions.";

    // Between a picture and the question, as Chat.ask joins them.
    private const string AfterImage = " ";

    public static FamilyPrompt WordingFor(MiniGptWording wording) =>
        wording switch
        {
            MiniGptWording.Vicuna => new(AfterImage, System + "###", "Human: ", "###Assistant: ")
            {
                SystemForm = "{0}###",
                AfterAnswer = "###",
                StopStrings = ["###"],
            },
            MiniGptWording.Llama2 => new(AfterImage, System, "<s>[INST] ", " [/INST] ") { SystemForm = "{0}" },
            _ => new(AfterImage, "", "<s>[INST] ", " [/INST]") { SystemForm = "{0}" },
        };
}
