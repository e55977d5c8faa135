using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Text.Llama;
using Tessera.Vision.Families.InternVl;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>InternVL's own wording, for language models without a chat template, is the original's for each kind of them.</summary>
public sealed class InternVlWordingTests
{
    // InternVL 1.0 is LLaVA's code, and worded so.
    public static TheoryData<string> Cases =>
        [
            .. GoldenCase
                .All()
                .Select(static golden => golden.Name)
                .Where(static name =>
                    name.StartsWith("internvl", StringComparison.Ordinal) && !name.StartsWith("internvl-1.0", StringComparison.Ordinal)
                ),
        ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_follows_the_language_model(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        var chat = new ChatPrompt(null, InternVlPrompt.Wording, language.Vocabulary);
        GoldenRun[] runs = [.. golden.Runs.Where(static run => run.Name.EndsWith(".chat", StringComparison.Ordinal))];
        Assert.NotEmpty(runs);
        foreach (GoldenRun run in runs)
        {
            int start = run.Prompt.IndexOf(MediaMarker.Text, StringComparison.Ordinal) + MediaMarker.Text.Length + 1;
            string question = run.Prompt[start..run.Prompt.IndexOf("<|", start, StringComparison.Ordinal)];
            Assert.Equal(run.Prompt, Shown(chat.Write(null, [new Exchange([new ChatTemplatePart(question)], 1, null)])));
            Assert.True(
                language.Vocabulary.IsEnd(language.Vocabulary.Tokenize(name == "internvl-2-4b" ? "<|end|>" : "<|im_end|>").Single())
            );
        }
    }

    [Fact]
    public void Several_pictures_are_numbered_and_a_system_sentence_is_wrapped()
    {
        using LanguageModel language = LanguageModel.Load(GoldenCase.Find("internvl-2.5").LanguageModel, 0, null, default);
        IReadOnlyList<PromptSegment> prompt = new ChatPrompt(null, InternVlPrompt.Wording, language.Vocabulary).Write(
            "Be brief.",
            [new Exchange([new ChatTemplatePart("Compare.")], 2, null)]
        );
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nImage-1: <__media__>\nImage-2: "
                + "<__media__>\nCompare.<|im_end|>\n<|im_start|>assistant\n",
            Shown(prompt)
        );
    }

    private static string Shown(IReadOnlyList<PromptSegment> prompt) =>
        string.Concat(prompt.Select(static segment => segment.Text ?? MediaMarker.Text));
}
