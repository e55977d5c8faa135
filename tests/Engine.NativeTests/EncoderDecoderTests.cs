using Tessera.Engine.NativeTests.Goldens;

namespace Tessera.Engine.NativeTests;

/// <summary>A language model whose encoder reads the prompt: answers together, conversations, and what does not fit.</summary>
public sealed class EncoderDecoderTests
{
    private static readonly GoldenCase Golden = GoldenCase.Find("blip2-flan-t5");

    [Fact]
    public async Task Answers_decoded_together_are_the_references()
    {
        using MultimodalModel model = await LoadAsync(parallel: 4);
        GoldenRun[] runs = [.. Golden.Runs];
        GenerationResult[] results = await Task.WhenAll(runs.Select(run => AnswerAsync(model, run)));
        for (int index = 0; index < runs.Length; index++)
        {
            Assert.Equal(
                (runs[index].Name, string.Join(' ', runs[index].Tokens)),
                (runs[index].Name, string.Join(' ', results[index].TokenIds))
            );
            Assert.Equal(0, results[index].ReusedTokenCount);
        }
    }

    [Fact]
    public async Task One_that_is_cancelled_leaves_the_others_as_they_are()
    {
        using MultimodalModel model = await LoadAsync(parallel: 3);
        GoldenRun[] runs = [.. Golden.Runs.Take(3)];
        using var stop = new CancellationTokenSource();
        Task<GenerationResult> cancelled = AnswerAsync(model, runs[0], maxTokens: 400, stop.Token);
        Task<GenerationResult>[] others = [.. runs.Skip(1).Select(run => AnswerAsync(model, run))];
        await stop.CancelAsync();
        try
        {
            await cancelled;
        }
        catch (OperationCanceledException)
        {
            // Unless it was over before.
        }

        for (int index = 1; index < runs.Length; index++)
            Assert.Equal(runs[index].Tokens, (await others[index - 1]).TokenIds);
    }

    [Fact]
    public async Task A_conversation_goes_on_and_is_saved()
    {
        using MultimodalModel model = await LoadAsync(parallel: 2);
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 8 };
        string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.chat");
        try
        {
            GenerationResult first,
                second;
            using (ChatSession chat = model.StartChat())
            {
                first = await chat.SendAsync(new UserMessage("What is this?") { Images = [Golden.Image("shapes")] }, options);
                await chat.SaveAsync(file);
                second = await chat.SendAsync(new UserMessage("Is it large?"), options);
            }

            Assert.True(second.PromptTokenCount > first.PromptTokenCount);
            using ChatSession again = await model.LoadChatAsync(file);
            Assert.Equal(second.TokenIds, (await again.SendAsync(new UserMessage("Is it large?"), options)).TokenIds);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_prompt_longer_than_the_encoder_takes_is_refused()
    {
        using MultimodalModel model = await LoadAsync(parallel: 1);
        string text = string.Concat(Enumerable.Repeat("What do you see? ", 400));
        await Assert.ThrowsAsync<PromptTooLongException>(() => model.AnswerAsync(new Prompt(text)));
    }

    [Theory]
    [InlineData("blip2-flan-t5", "llava-1.5", "it was made for a language model of the architecture t5, but")]
    [InlineData("llava-1.5", "blip2-flan-t5", "it is a projector of LLaVA, which was made for language models without an encoder")]
    public async Task A_wrong_pair_is_one_sentence(string projector, string language, string problem)
    {
        var options = new ModelOptions
        {
            ModelPath = GoldenCase.Find(language).LanguageModel,
            ProjectorPath = GoldenCase.Find(projector).Projector,
        };
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() => MultimodalModel.LoadAsync(options));
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
        Assert.Contains("do not belong together", failure.Message, StringComparison.Ordinal);
    }

    private static Task<MultimodalModel> LoadAsync(int parallel) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = Golden.LanguageModel,
                ProjectorPath = Golden.Projector,
                ParallelAnswerCount = parallel,
            }
        );

    private static Task<GenerationResult> AnswerAsync(
        MultimodalModel model,
        GoldenRun run,
        int? maxTokens = null,
        CancellationToken cancellationToken = default
    ) =>
        model.AnswerAsync(
            new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(Golden.Image)] },
            new GenerationOptions { Temperature = 0, MaxTokens = maxTokens ?? run.Tokens.Length },
            cancellationToken: cancellationToken
        );
}
