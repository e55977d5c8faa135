using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Text.Llama;
using Tessera.Vision.Families;
using Tessera.Vision.Families.Blip2;
using Tessera.Vision.Families.InstructBlip;
using Tessera.Vision.Families.MiniGpt;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>The wording of BLIP-2 and its kin is the authors'.</summary>
public sealed class QFormerWordingTests
{
    [Fact]
    public void Blip2_asks_behind_the_picture()
    {
        FamilyPrompt wording = Blip2Prompt.WordingFor("t5");
        Assert.Equal("<__media__>Question: What is this? Short answer:", Shown("blip2-flan-t5", wording, Asked("What is this?", 1)));
        Assert.Equal(
            "<__media__>Question: What? Answer: A tile. Question: Why? Answer:",
            Shown("blip2-flan-t5", Blip2Prompt.WordingFor("opt"), Asked("What?", 1) with { Answer = "A tile" }, Asked("Why?", 0))
        );
    }

    [Fact]
    public void Minigpt_asks_in_the_conversation_it_was_trained_with()
    {
        const string System =
            "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. "
            + "Please answer my questions.";
        Assert.Equal(
            System + "###Human: <__media__> What?###Assistant: A tile.###Human: Why?###Assistant: ",
            Shown(
                "minigpt4-vicuna",
                MiniGptPrompt.WordingFor(MiniGptWording.Vicuna),
                Asked("What?", 1) with
                {
                    Answer = "A tile.",
                },
                Asked("Why?", 0)
            )
        );
        Assert.Equal(["###"], MiniGptPrompt.WordingFor(MiniGptWording.Vicuna).StopStrings);
        Assert.Equal(
            System + "<s>[INST] <__media__> What? [/INST] ",
            Shown("minigpt4-llama2", MiniGptPrompt.WordingFor(MiniGptWording.Llama2), Asked("What?", 1))
        );
        Assert.Equal(
            "<s>[INST] <__media__> [vqa] What? [/INST]A tile.<s>[INST] Why? [/INST]",
            Shown(
                "minigpt-v2",
                MiniGptPrompt.WordingFor(MiniGptWording.Version2),
                Asked("[vqa] What?", 1) with
                {
                    Answer = "A tile.",
                },
                Asked("Why?", 0)
            )
        );
    }

    [Fact]
    public void Instruct_blip_says_the_instruction_alone() =>
        Assert.Equal("<__media__>What is this?", Shown("instructblip-vicuna", InstructBlipPrompt.Wording, Asked("What is this?", 1)));

    private static Exchange Asked(string question, int pictures) => new([new ChatTemplatePart(question)], pictures, null);

    private static string Shown(string golden, FamilyPrompt wording, params IReadOnlyList<Exchange> exchanges)
    {
        using LanguageModel language = LanguageModel.Load(GoldenCase.Find(golden).LanguageModel, 0, null, default);
        return string.Concat(
            new ChatPrompt(null, wording, language.Vocabulary)
                .Write(null, exchanges)
                .Select(static segment => segment.Text ?? MediaMarker.Text)
        );
    }
}
