using System.Threading.Channels;
using Tessera.Text;
using Tessera.Text.Llama;
using Tessera.Text.Sampling;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.NativeTests;

/// <summary>Answers are decoded together, but one whose rows cannot be decoded fails alone.</summary>
public sealed class SharedDecodeTests : IDisposable
{
    // No answer of the small model has it in its prompt by itself.
    private const int Poison = 5;
    private static readonly SchedulerLimits Limits = new(
        ContextLength: 256,
        CacheLength: 2048,
        SequenceCount: 8,
        WaitingLimit: 64,
        ThreadCount: 1
    );
    private static readonly SamplerSettings Greedy = new(0, 0, 1, 0, 1, 0, 0, 64, 1);
    private readonly LanguageModel model = LanguageModel.Load(
        RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
        0,
        null,
        CancellationToken.None
    );

    public void Dispose() => model.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_cannot_be_decoded_fails_and_the_others_go_on(bool throws)
    {
        IReadOnlyList<int>[] alone = await AnswersAsync(static (context, batch) => context.Decode(batch));
        using var scheduler = NewScheduler(
            (context, batch) =>
                !batch.Tokens.Contains(Poison) ? context.Decode(batch)
                : throws ? throw new IOException("The file is gone.")
                : DecodeOutcome.Failed
        );
        ChannelReader<AnswerPiece>[] readers = await StartTogetherAsync(
            scheduler,
            [.. Prompts.Take(2), [1, Poison, 9], .. Prompts.Skip(2)]
        );
        Exception? failure = await Record.ExceptionAsync(() => TokensAsync(readers[2]));
        Assert.True(
            throws
                ? failure is IOException
                : failure is NativeLibraryException && failure.Message.StartsWith(model.Path, StringComparison.Ordinal),
            $"{failure}"
        );
        for (int index = 0; index < Prompts.Length; index++)
            Assert.Equal(alone[index], await TokensAsync(readers[index < 2 ? index : index + 1]));
    }

    [Fact]
    public async Task Where_memory_does_not_suffice_the_batches_are_smaller()
    {
        IReadOnlyList<int>[] alone = await AnswersAsync(static (context, batch) => context.Decode(batch));
        int largest = 0;
        IReadOnlyList<int>[] short_ = await AnswersAsync(
            (context, batch) =>
            {
                if (batch.Count > 2)
                    return DecodeOutcome.NoMemory;
                largest = Math.Max(largest, batch.Count);
                return context.Decode(batch);
            }
        );
        Assert.Equal(alone, short_);
        Assert.Equal(2, largest);
    }

    [Fact]
    public async Task Without_any_memory_the_failure_says_so()
    {
        using var scheduler = NewScheduler(static (_, _) => DecodeOutcome.NoMemory);
        foreach (ChannelReader<AnswerPiece> reader in await StartTogetherAsync(scheduler, Prompts))
            Assert.Contains(
                "memory",
                (await Assert.ThrowsAsync<NativeLibraryException>(() => TokensAsync(reader))).Message,
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(99_999_999)]
    public async Task A_token_that_there_is_not_is_refused(int token)
    {
        using var scheduler = NewScheduler(static (context, batch) => context.Decode(batch));
        ChannelReader<AnswerPiece>[] readers = await StartTogetherAsync(scheduler, Prompts);
        TesseraException refused = Assert.Throws<TesseraException>(() => scheduler.Start(Request([1, token, 2]), CancellationToken.None));
        Assert.Contains($"{token}", refused.Message, StringComparison.Ordinal);
        foreach (ChannelReader<AnswerPiece> reader in readers)
            Assert.NotEmpty(await TokensAsync(reader));
    }

    private static int[][] Prompts { get; } =
    [
        [1, 10, 11, 12, 13, 14, 15],
        [1, 20, 21],
        [1, 30, 31, 32],
        [1, 40],
    ];

    private AnswerScheduler NewScheduler(BatchDecode decode)
    {
        var language = new LlamaLanguage(model, Limits.CacheLength, Limits.SequenceCount, Limits.ThreadCount);
        return new AnswerScheduler(new HookedLanguage(language, decode), Limits, null);
    }

    private async Task<IReadOnlyList<int>[]> AnswersAsync(BatchDecode decode)
    {
        using var scheduler = NewScheduler(decode);
        return await Task.WhenAll((await StartTogetherAsync(scheduler, Prompts)).Select(TokensAsync));
    }

    // All of them wait before the first step.
    private async Task<ChannelReader<AnswerPiece>[]> StartTogetherAsync(AnswerScheduler scheduler, int[][] prompts)
    {
        using var start = new ManualResetEventSlim();
        Task<bool> held = scheduler.RunAsync(
            (_, _) =>
            {
                start.Wait();
                return true;
            }
        );
        ChannelReader<AnswerPiece>[] readers = [.. prompts.Select(prompt => scheduler.Start(Request(prompt), CancellationToken.None))];
        start.Set();
        await held;
        return readers;
    }

    private AnswerRequest Request(int[] tokens)
    {
        var rows = new PromptRows(model.EmbeddingWidth);
        rows.AddTokens(tokens);
        return new AnswerRequest(rows, Greedy, [], 8, new object());
    }

    private static async Task<IReadOnlyList<int>> TokensAsync(ChannelReader<AnswerPiece> reader)
    {
        await foreach (AnswerPiece piece in reader.ReadAllAsync())
            if (piece.End is { } end)
                return end.TokenIds;
        throw new InvalidOperationException("The answer has no end.");
    }
}
