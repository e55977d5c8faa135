using System.Text.Json;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Answers that are searched for in several beams are those that transformers finds, behind an encoder (T5), with libllama
/// (Vicuna) and with graphs of our own (OPT).</summary>
public sealed class BeamTests
{
    public static TheoryData<string> Cases => [.. Runs().Select(static run => run.GetProperty("case").GetString()!).Distinct()];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_best_beam_is_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await LoadAsync(golden);
        foreach (JsonElement expected in Runs().Where(run => run.GetProperty("case").GetString() == name))
        {
            GoldenRun run = golden.Runs.Single(run => run.Name == expected.GetProperty("run").GetString());
            GenerationResult result = await model.AnswerAsync(PromptOf(golden, run), Options(expected));
            Assert.Equal((run.Name, expected.GetProperty("tokens").ToString()), (run.Name, $"[{string.Join(", ", result.TokenIds)}]"));
        }
    }

    [Fact]
    public async Task Beams_wait_for_other_answers_and_others_for_them()
    {
        GoldenCase golden = GoldenCase.Find("instructblip-vicuna");
        using MultimodalModel model = await LoadAsync(golden);
        GoldenRun run = golden.Runs.First(static run => run.Pictures.Count == 1);
        var greedy = new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length };
        Task<GenerationResult>[] answers =
        [
            model.AnswerAsync(PromptOf(golden, run), greedy),
            model.AnswerAsync(PromptOf(golden, run), greedy with { BeamCount = 3 }),
            model.AnswerAsync(PromptOf(golden, run), greedy),
        ];
        GenerationResult[] results = await Task.WhenAll(answers);
        Assert.Equal(run.Tokens, results[0].TokenIds);
        Assert.Equal(run.Tokens, results[2].TokenIds);
        GenerationResult again = await model.AnswerAsync(PromptOf(golden, run), greedy with { BeamCount = 3 });
        Assert.Equal(results[1].TokenIds, again.TokenIds);
    }

    [Fact]
    public async Task More_beams_than_sequences_and_cancelling_are_said()
    {
        GoldenCase golden = GoldenCase.Find("instructblip-vicuna");
        GoldenRun run = golden.Runs.First(static run => run.Pictures.Count == 1);
        using MultimodalModel model = await LoadAsync(golden, parallel: 2);
        var beams = new GenerationOptions { BeamCount = 3, MaxTokens = 8 };
        TesseraException failure = await Assert.ThrowsAsync<TesseraException>(() => model.AnswerAsync(PromptOf(golden, run), beams));
        Assert.Contains("3 beams need as many sequences", failure.Message, StringComparison.Ordinal);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            model.AnswerAsync(PromptOf(golden, run), beams with { BeamCount = 2 }, cancellationToken: cancelled.Token)
        );
        GenerationResult result = await model.AnswerAsync(PromptOf(golden, run), beams with { BeamCount = 2 });
        Assert.NotEmpty(result.TokenIds);
    }

    private static JsonElement[] Runs() =>
        [
            .. JsonDocument
                .Parse(File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "beams", "beams.json")))
                .RootElement.EnumerateArray(),
        ];

    private static Prompt PromptOf(GoldenCase golden, GoldenRun run) =>
        new(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };

    private static GenerationOptions Options(JsonElement expected) =>
        new()
        {
            MaxTokens = 24,
            BeamCount = expected.GetProperty("beams").GetInt32(),
            LengthPenalty = expected.GetProperty("length_penalty").GetSingle(),
            RepeatPenalty = expected.GetProperty("repeat_penalty").GetSingle(),
        };

    private static Task<MultimodalModel> LoadAsync(GoldenCase golden, int parallel = 16) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = golden.LanguageModel,
                ProjectorPath = golden.Projector,
                ParallelAnswerCount = parallel,
            }
        );
}
