using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Text.Llama;
using Tessera.Vision.Families;
using Tessera.Vision.Families.Blip2;

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
