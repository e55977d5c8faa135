using Tessera.Cli.Output;

namespace Tessera.Cli.Chat;

/// <summary>Shows one answer while it is generated.</summary>
internal sealed class ChatAnswer(ChatDesk desk, ChatScreen screen, Interrupts interrupts)
{
    /// <summary>Sends a message with the pictures that wait for it. They go on waiting if it fails.</summary>
    public async Task SendAsync(string text)
    {
        UserMessage message = MessageOf(text, [.. desk.Pending], []);
        await StreamAsync(message, (progress, token) => desk.Session.SendStreamingAsync(message, desk.Generation, progress, token));
        desk.Pending.Clear();
    }

    /// <summary>Sends another message in the place of the last one, whose pictures it keeps.</summary>
    public async Task EditAsync(string text)
    {
        UserMessage last = desk.Session.Turns[^1].Message;
        bool arePlaced = last.Text.Contains(LineWithImages.Marker, StringComparison.Ordinal);
        UserMessage message = arePlaced
            ? MessageOf(text, [.. desk.Pending], last.Media)
            : MessageOf(text, [.. last.Media, .. desk.Pending], []);
        await StreamAsync(message, (progress, token) => desk.Session.EditStreamingAsync(message, desk.Generation, progress, token));
        desk.Pending.Clear();
    }

    /// <summary>Answers the last message again.</summary>
    public Task RegenerateAsync() =>
        StreamAsync(
            desk.Session.Turns[^1].Message,
            (progress, token) => desk.Session.RegenerateStreamingAsync(desk.Generation, progress, token)
        );

    // Pictures without a place in the text go before it.
    private UserMessage MessageOf(string text, IReadOnlyList<PromptMedia> unplaced, IReadOnlyList<PromptMedia> placed)
    {
        int placeCount = text.Split(LineWithImages.Marker).Length - 1;
        int missing = placeCount == 0 ? 0 : unplaced.Count + placed.Count - placeCount;
        string places = string.Concat(Enumerable.Repeat(LineWithImages.Marker + "\n", Math.Max(0, missing)));
        return new UserMessage(places + text) { Media = [.. unplaced, .. placed], Limits = desk.Limits };
    }

    private async Task StreamAsync(
        UserMessage message,
        Func<IProgress<EngineProgress>?, CancellationToken, IAsyncEnumerable<GenerationUpdate>> start
    )
    {
        bool isOpen = false;
        ProgressLine? progress = screen.Progress(message.Media.Sum(item => desk.Plan(item, message.Media.Count).Slices.Count));
        try
        {
            await interrupts.RunAsync(async token =>
            {
                await foreach (GenerationUpdate update in start(progress, token))
                {
                    progress?.Close();
                    isOpen = true;
                    if (update.Result is null)
                        screen.Answer(update.Text);
                    else
                        desk.Last = update.Result;
                }
            });
        }
        finally
        {
            progress?.Close();
            if (isOpen)
                screen.EndAnswer();
        }

        screen.Note(desk.Model, desk.Files);
        if (desk.Last is { } result)
            Remark(result);
    }

    private void Remark(GenerationResult result)
    {
        if (result.DroppedTurnCount > 0)
            screen.Say($"The conversation no longer fits the context: {result.DroppedTurnCount} of its oldest messages were left out.");
        if (result.FinishReason == FinishReason.Length)
            screen.Say(ModelNotes.Cut(result, desk.Generation, "/params max-tokens N allows more"));
    }
}
