using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>Conversations with the small trained model that comes with Tessera.</summary>
public sealed class ChatSessionTests : IAsyncLifetime
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 40 };
    private static readonly string[] Samples = ["shapes.png", "heart.png", "count.png", "number.png", "word.png", "emoji-cow.png"];
    private MultimodalModel model = null!;

    public async Task InitializeAsync() => model = await MultimodalModel.LoadAsync(Options());

    public Task DisposeAsync()
    {
        model.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_later_turn_prefills_only_what_is_new()
    {
        using ChatSession chat = model.StartChat();
        GenerationResult first = await SendAsync(chat, Message("What is in this picture?", "shapes.png"));
        Assert.Equal(0, first.ReusedTokenCount);
        GenerationResult second = await SendAsync(chat, new UserMessage("What colour is the star?"));
        // All but the token that ended the answer is in the cache.
        Assert.Equal(first.PromptTokenCount + first.TokenIds.Count - 1, second.ReusedTokenCount);
        Assert.Equal(1, second.CachedImageCount);
        Assert.Contains("yellow", second.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(2, chat.Turns.Count);
    }

    [Fact]
    public async Task Answers_at_once_are_the_answers_alone()
    {
        var alone = new List<string>();
        foreach (string sample in Samples)
            alone.Add((await model.AnswerAsync(Question(sample), Greedy)).Text);
        using MultimodalModel other = await MultimodalModel.LoadAsync(Options());
        GenerationResult[] together = await Task.WhenAll(Samples.Select(sample => other.AnswerAsync(Question(sample), Greedy)));
        Assert.Equal(alone, together.Select(static result => result.Text));
    }

    [Fact]
    public async Task A_fork_shares_its_beginning_and_goes_its_own_way()
    {
        using ChatSession chat = model.StartChat();
        GenerationResult first = await SendAsync(chat, Message("What is in this picture?", "word.png"));
        using ChatSession fork = chat.Fork();
        GenerationResult inFork = await SendAsync(fork, new UserMessage("What colour is it?"));
        GenerationResult inChat = await SendAsync(chat, new UserMessage("What colour is it?"));
        Assert.True(inFork.ReusedTokenCount >= first.PromptTokenCount);
        Assert.True(inChat.ReusedTokenCount >= first.PromptTokenCount);
        Assert.Equal(inChat.TokenIds, inFork.TokenIds);
        await SendAsync(fork, new UserMessage("Hello"));
        Assert.Equal((2, 3), (chat.Turns.Count, fork.Turns.Count));
    }

    [Fact]
    public async Task Regenerating_and_editing_replace_the_last_turn()
    {
        using ChatSession chat = model.StartChat();
        GenerationResult first = await SendAsync(chat, Message("What is in this picture?", "heart.png"));
        GenerationResult again = await LastAsync(chat.RegenerateStreamingAsync(Greedy));
        Assert.Equal(first.TokenIds, again.TokenIds);
        Assert.Equal(first.PromptTokenCount - 1, again.ReusedTokenCount);
        await LastAsync(chat.EditStreamingAsync(Message("What colour is it?", "heart.png"), Greedy));
        Assert.Equal("What colour is it?", Assert.Single(chat.Turns).Message.Text);
        chat.Clear();
        Assert.Empty(chat.Turns);
        await Assert.ThrowsAsync<InvalidOperationException>(() => LastAsync(chat.RegenerateStreamingAsync(Greedy)));
    }

    [Fact]
    public async Task A_cancelled_turn_was_never_sent()
    {
        using ChatSession chat = model.StartChat();
        GenerationResult first = await SendAsync(chat, Message("What is in this picture?", "count.png"));
        int handles = OwnedHandle.LiveCount;
        var random = new Random(5);
        for (int attempt = 0; attempt < 100; attempt++)
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.NextDouble() * 20));
            try
            {
                await LastAsync(
                    chat.SendStreamingAsync(
                        Message("What is in this picture?", Samples[attempt % Samples.Length]),
                        Greedy,
                        null,
                        stop.Token
                    )
                );
                chat.Clear();
                first = await SendAsync(chat, Message("What is in this picture?", "count.png"));
            }
            catch (OperationCanceledException)
            {
                Assert.Single(chat.Turns);
            }
        }

        Assert.Equal(handles, OwnedHandle.LiveCount);
        GenerationResult second = await SendAsync(chat, new UserMessage("How many are there?"));
        Assert.True(second.ReusedTokenCount >= first.PromptTokenCount);
    }

    [Fact]
    public async Task A_long_conversation_drops_its_oldest_turns_or_refuses()
    {
        using MultimodalModel small = await MultimodalModel.LoadAsync(Options() with { ContextLength = 300 });
        using ChatSession chat = small.StartChat();
        int dropped = 0;
        for (int turn = 0; turn < 6; turn++)
            dropped = (await SendAsync(chat, Message("What is in this picture?", Samples[turn]))).DroppedTurnCount;
        Assert.InRange(dropped, 1, 5);
        Assert.Equal(6, chat.Turns.Count);

        MessageCost cost = await chat.MeasureAsync(new UserMessage("Hello"), Greedy);
        Assert.Equal(dropped, cost.DroppedTurnCount);
        chat.Options = chat.Options with { Overflow = ContextOverflow.Refuse };
        await Assert.ThrowsAsync<PromptTooLongException>(() => SendAsync(chat, new UserMessage("Hello")));
        Assert.Equal(6, chat.Turns.Count);
    }

    [Fact]
    public async Task Too_many_waiting_answers_are_refused()
    {
        using MultimodalModel busy = await MultimodalModel.LoadAsync(Options() with { ParallelAnswerCount = 1, WaitingAnswerLimit = 2 });
        Task<GenerationResult>[] answers;
        using (new AnswerHold(busy))
        {
            answers = [.. Enumerable.Range(0, 12).Select(index => busy.AnswerAsync(Question("shapes.png"), Greedy))];
            await Patience.UntilAsync(() => answers.Count(static answer => answer.IsCompleted) == 10, "ten refusals");
        }

        await Task.WhenAll(answers.Select(static answer => answer.ContinueWith(static _ => { }, TaskScheduler.Default)));
        Assert.Equal(10, answers.Count(static answer => answer.Exception?.InnerException is EngineBusyException));
        Assert.Equal(2, answers.Count(static answer => answer.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task A_saved_conversation_continues_in_a_new_model()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.chat");
        using (ChatSession chat = model.StartChat())
        {
            await SendAsync(chat, Message("What is in this picture?", "shapes.png"));
            await chat.SaveAsync(path);
        }

        using MultimodalModel other = await MultimodalModel.LoadAsync(Options());
        using ChatSession loaded = await other.LoadChatAsync(path);
        GenerationResult answer = await SendAsync(loaded, new UserMessage("What colour is the star?"));
        Assert.Contains("yellow", answer.Text, StringComparison.OrdinalIgnoreCase);
        Assert.True(answer.ReusedTokenCount > 64, "The KV state was not restored.");
        Assert.Equal(1, answer.CachedImageCount);

        byte[] bytes = await File.ReadAllBytesAsync(path);
        var random = new Random(7);
        for (int damage = 0; damage < 40; damage++)
        {
            byte[] damaged = [.. bytes];
            if (damage % 2 == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            else
                damaged[random.Next(damaged.Length)] ^= 0x55;
            await File.WriteAllBytesAsync(path, damaged);
            try
            {
                (await other.LoadChatAsync(path)).Dispose();
            }
            catch (TesseraException refused)
            {
                Assert.StartsWith(path, refused.Message);
            }
        }

        File.Delete(path);
        TesseraException nowhere = await Assert.ThrowsAsync<TesseraException>(() =>
            loaded.SaveAsync(Path.Combine(path, "missing", "file.chat"))
        );
        Assert.Contains("missing", nowhere.Message);
    }

    [Fact]
    public async Task Disposing_ends_answers_that_run()
    {
        int before = OwnedHandle.LiveCount;
        var random = new Random(11);
        for (int attempt = 0; attempt < 25; attempt++)
        {
            MultimodalModel other = await MultimodalModel.LoadAsync(Options());
            Task<GenerationResult>[] answers = [.. Samples.Select(sample => other.AnswerAsync(Question(sample), Greedy))];
            await Task.Delay(random.Next(60));
            other.Dispose();
            foreach (Task<GenerationResult> answer in answers)
            {
                // A wait with a limit: an answer that never ends must fail here, not hold up the run.
                Exception? failure = await Record.ExceptionAsync(() => answer.WaitAsync(Patience.Limit));
                Assert.True(failure is null or ObjectDisposedException, $"{failure}");
            }

            await Assert.ThrowsAsync<ObjectDisposedException>(() => other.AnswerAsync(Question("heart.png")));
        }

        Assert.Equal(before, OwnedHandle.LiveCount);
    }

    [Fact]
    public async Task Many_sessions_leave_nothing_behind()
    {
        int handles = OwnedHandle.LiveCount,
            number = 0;
        async Task ChatAsync(int sessions)
        {
            for (int end = number + sessions; number < end; number++)
            {
                using ChatSession chat = model.StartChat();
                await LastAsync(
                    chat.SendStreamingAsync(
                        Message($"What is in this picture? {number}", Samples[number % Samples.Length]),
                        new GenerationOptions { Temperature = 0, MaxTokens = 2 }
                    )
                );
            }

            Assert.Equal(handles, OwnedHandle.LiveCount);
        }

        await ChatAsync(20);
        var resident = new List<long> { Resident() };
        // The runtime grows, too, once: what sessions leave comes with each of them.
        do
        {
            await ChatAsync(180);
            resident.Add(Resident());
        } while (resident[^1] > resident[^2] * 1.05 && resident.Count < 5);

        Assert.True(resident.Count < 5, $"Bytes after 20 sessions, and after 180 more each time: {string.Join(", ", resident)}.");
    }

    [Fact]
    public async Task Sessions_from_many_threads_answer_as_they_would_alone()
    {
        string[] alone = new string[Samples.Length];
        for (int index = 0; index < Samples.Length; index++)
        {
            using ChatSession chat = model.StartChat();
            await SendAsync(chat, Message("What is in this picture?", Samples[index]));
            alone[index] = (await SendAsync(chat, new UserMessage("What colour is it?"))).Text;
        }

        using MultimodalModel other = await MultimodalModel.LoadAsync(Options() with { CacheLength = 4096 });
        await Task.WhenAll(
            Enumerable
                .Range(0, 24)
                .Select(number =>
                    Task.Run(async () =>
                    {
                        using ChatSession chat = other.StartChat();
                        await SendAsync(chat, Message("What is in this picture?", Samples[number % Samples.Length]));
                        Assert.Equal(alone[number % Samples.Length], (await SendAsync(chat, new UserMessage("What colour is it?"))).Text);
                    })
                )
        );
    }

    private static long Resident()
    {
        GC.Collect();
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static ModelOptions Options() =>
        new()
        {
            ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
            ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
        };

    private static PromptImage Image(string sample) => new(File.ReadAllBytes(RepositoryRoot.Path("samples", sample)), sample);

    private static Prompt Question(string sample) => new("What is in this picture?") { Images = [Image(sample)] };

    private static UserMessage Message(string text, string sample) => new(text) { Images = [Image(sample)] };

    private static Task<GenerationResult> SendAsync(ChatSession chat, UserMessage message) =>
        LastAsync(chat.SendStreamingAsync(message, Greedy));

    private static async Task<GenerationResult> LastAsync(IAsyncEnumerable<GenerationUpdate> updates)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in updates)
            result = update.Result ?? result;
        return result!;
    }
}
