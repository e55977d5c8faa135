using System.Diagnostics;

namespace Tessera.Cli.Bench;

/// <summary>What sessions save: answers decoded together, and a picture that an earlier run has encoded.</summary>
/// <param name="files">The model.</param>
/// <param name="count">Sessions at once.</param>
/// <param name="maxTokens">Tokens of each answer.</param>
/// <param name="add">Takes each measurement.</param>
internal sealed class BenchSessions(ModelOptions files, int count, int maxTokens, Action<string, string, double> add)
{
    private readonly GenerationOptions options = new() { Temperature = 0, MaxTokens = maxTokens };

    /// <summary>Asks the same of one session and of many at once.</summary>
    public async Task MeasureDecodingAsync(int repeats, CancellationToken cancellationToken)
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(files with { ParallelAnswerCount = count }, null, cancellationToken);
        await RateAsync(model, count, cancellationToken);
        for (int round = 0; round < repeats; round++)
        {
            double one = await RateAsync(model, 1, cancellationToken),
                all = await RateAsync(model, count, cancellationToken);
            add("answer, 1 session", "tokens/s", one);
            add($"answers, {count} sessions", "tokens/s", all);
            add($"{count} sessions to 1", "x", all / one);
        }
    }

    /// <summary>Encodes a picture with a folder to keep it in, then asks about it in a model that has just been loaded.</summary>
    public async Task MeasureDiskCacheAsync(PromptImage picture, PlanRequest limits, CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("tessera-bench").FullName;
        try
        {
            var message = new UserMessage("Describe the picture.") { Images = [picture], Limits = limits };
            await AskInNewModelAsync(folder, message, cancellationToken);
            GenerationResult again = await AskInNewModelAsync(folder, message, cancellationToken);
            if (again.CachedImageCount == 0)
                throw new InvalidOperationException("The picture was not found in the folder.");
            add("before prefill, picture from disk cache", "ms", again.Timings.FirstTokenMs - again.Timings.PrefillMs);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<GenerationResult> AskInNewModelAsync(string folder, UserMessage message, CancellationToken cancellationToken)
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(files with { ImageCacheFolder = folder }, null, cancellationToken);
        using ChatSession chat = model.StartChat();
        return await LastAsync(chat, message, new GenerationOptions { Temperature = 0, MaxTokens = 1 }, cancellationToken);
    }

    // Tokens of all answers by the time from the first question to the last word; what the sessions held before is in the cache.
    private async Task<double> RateAsync(MultimodalModel model, int sessions, CancellationToken cancellationToken)
    {
        ChatSession[] chats = [.. Enumerable.Range(0, sessions).Select(_ => model.StartChat())];
        foreach (ChatSession chat in chats)
            await LastAsync(chat, new UserMessage("Hello"), new GenerationOptions { Temperature = 0, MaxTokens = 1 }, cancellationToken);
        long started = Stopwatch.GetTimestamp();
        GenerationResult[] answers = await Task.WhenAll(
            chats.Select((chat, number) => LastAsync(chat, new UserMessage($"What is {number}?"), options, cancellationToken))
        );
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (ChatSession chat in chats)
            chat.Dispose();
        return answers.Sum(static answer => answer.TokenIds.Count) / seconds;
    }

    private static Task<GenerationResult> LastAsync(
        ChatSession chat,
        UserMessage message,
        GenerationOptions options,
        CancellationToken cancellationToken
    ) => BenchRun.LastAsync(chat.SendStreamingAsync(message, options, null, cancellationToken));
}
