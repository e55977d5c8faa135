using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Text.Llama;
using Tessera.Vision.Families.Vila;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>VILA's own wording, for language models without a chat template, is the authors' for each kind of them.</summary>
public sealed class VilaWordingTests
{
    [Theory]
    [InlineData("vila-1.5-3b")]
    [InlineData("vila-1.5-8b")]
    [InlineData("vila-1.5-40b")]
    [InlineData("nvila-lite")]
    public void It_follows_the_language_model(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        bool isNvila = name == "nvila-lite";
        var chat = new ChatPrompt(null, isNvila ? VilaPrompt.Nvila : VilaPrompt.Vila15, language.Vocabulary);
        GoldenRun[] runs = [.. golden.Runs.Where(static run => run.Name.EndsWith(".chat", StringComparison.Ordinal))];
        Assert.NotEmpty(runs);
        foreach (GoldenRun run in runs)
        {
            int start = run.Prompt.IndexOf(MediaMarker.Text, StringComparison.Ordinal) + MediaMarker.Text.Length + (isNvila ? 0 : 1),
                end = run.Prompt.IndexOf("<|", start, StringComparison.Ordinal);
            string question = run.Prompt[start..(end < 0 ? run.Prompt.LastIndexOf(" ASSISTANT:", StringComparison.Ordinal) : end)];
            Assert.Equal(run.Prompt, Shown(chat.Write(null, [new Exchange([new ChatTemplatePart(question)], 1, null)])));
        }
    }

    [Fact]
    public void Earlier_answers_end_as_the_authors_end_them()
    {
        using LanguageModel language = LanguageModel.Load(GoldenCase.Find("vila-1.5-40b").LanguageModel, 0, null, default);
        IReadOnlyList<PromptSegment> prompt = new ChatPrompt(null, VilaPrompt.Vila15, language.Vocabulary).Write(
            "Be brief.",
            [new Exchange([new ChatTemplatePart("What?")], 2, "A tile."), new Exchange([new ChatTemplatePart("Why?")], 0, null)]
        );
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|><|im_start|>user\n<__media__>\n<__media__>\nWhat?<|im_end|><|im_start|>assistant\n"
                + "A tile.<|im_end|><|im_start|>user\nWhy?<|im_end|><|im_start|>assistant\n",
            Shown(prompt)
        );
    }

    private static string Shown(IReadOnlyList<PromptSegment> prompt) =>
        string.Concat(prompt.Select(static segment => segment.Text ?? MediaMarker.Text));
}
