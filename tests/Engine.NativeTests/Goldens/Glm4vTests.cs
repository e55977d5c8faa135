using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Text.Llama;
using Tessera.Vision.Families.Glm4v;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>GLM-4V's wording is the authors', and a language model that cannot place its rows is refused.</summary>
public sealed class Glm4vTests
{
    [Fact]
    public void Prompts_are_worded_as_the_authors_word_them()
    {
        GoldenCase golden = GoldenCase.Find("glm-4v");
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        var chat = new ChatPrompt(null, Glm4vPrompt.Wording, language.Vocabulary);
        GoldenRun[] runs = [.. golden.Runs.Where(static run => run.Name.EndsWith(".chat", StringComparison.Ordinal))];
        Assert.NotEmpty(runs);
        foreach (GoldenRun run in runs)
        {
            string question = run.Prompt.Split(MediaMarker.Text)[1].Replace("<|assistant|>", "", StringComparison.Ordinal);
            Assert.Equal(run.Prompt, Shown(chat.Write(null, [new Exchange([new ChatTemplatePart(question)], 1, null)])));
        }

        Assert.Equal(
            "[gMASK]<sop><|system|>\nBe brief.<|user|>\n<__media__>What?<|assistant|>\nA tile.<|user|>\nWhy?<|assistant|>",
            Shown(
                chat.Write(
                    "Be brief.",
                    [new Exchange([new ChatTemplatePart("What?")], 1, "A tile."), new Exchange([new ChatTemplatePart("Why?")], 0, null)]
                )
            )
        );
    }

    [Fact]
    public async Task A_language_model_whose_rows_stand_one_after_another_is_refused()
    {
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            MultimodalModel.LoadAsync(
                new ModelOptions
                {
                    ModelPath = GoldenCase.Find("llava-1.5").LanguageModel,
                    ProjectorPath = GoldenCase.Find("glm-4v").Projector,
                }
            )
        );
        Assert.Contains("share a position", failure.Message, StringComparison.Ordinal);
    }

    private static string Shown(IReadOnlyList<PromptSegment> prompt) =>
        string.Concat(prompt.Select(static segment => segment.Text ?? MediaMarker.Text));
}
