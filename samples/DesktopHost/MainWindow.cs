namespace Tessera.Samples.DesktopHost;

/// <summary>What a user does with the program, step by step, on the UI thread.</summary>
internal sealed class MainWindow(TextWriter screen)
{
    private const string Question = "What is in this picture?";

    private static readonly GenerationOptions Short = new() { Temperature = 0 };

    // The small model answers in one short sentence; a grammar makes it go on, so that there is something to stop. A format is made
    // on the caller's thread, so not on this one.
    private readonly Task<GenerationOptions> longer = Task.Run(static () =>
        Short with
        {
            Format = AnswerFormat.FromGrammar("root ::= [a-z ]{500}"),
        }
    );

    /// <summary>Runs all steps.</summary>
    public async Task ShowAsync(string picture)
    {
        double shown = 0;
        var progress = new Progress<EngineProgress>(update => shown = Math.Max(shown, update.Fraction));
        await using (var service = new AnswerService(progress))
        {
            screen.WriteLine($"streamed: {await ReadAsync(service, picture, CancellationToken.None)}");
            screen.WriteLine($"loaded: {shown:P0}");
            await CancelAsync(service, picture);
        }

        await CloseWhileAnsweringAsync(picture);
    }

    private static async Task<string> ReadAsync(AnswerService service, string picture, CancellationToken cancellationToken)
    {
        string text = "";
        await foreach (string piece in service.AskAsync(Question, picture, Short, cancellationToken))
            text += piece;
        return text;
    }

    private async Task CancelAsync(AnswerService service, string picture)
    {
        using var stop = new CancellationTokenSource();
        int pieceCount = 0;
        try
        {
            await foreach (string _ in service.AskAsync(Question, picture, await longer, stop.Token))
                if (++pieceCount == 2)
                    await stop.CancelAsync();
            screen.WriteLine("cancelled: too late");
        }
        catch (OperationCanceledException)
        {
            screen.WriteLine($"cancelled: after {pieceCount} pieces");
        }
    }

    private async Task CloseWhileAnsweringAsync(string picture)
    {
        var service = new AnswerService(new Progress<EngineProgress>());
        var hasStarted = new TaskCompletionSource();
        Task<string> answer = AnswerUntilClosedAsync(service, picture, hasStarted);
        await hasStarted.Task;
        await service.DisposeAsync();
        screen.WriteLine($"closed: {await answer}");
    }

    private async Task<string> AnswerUntilClosedAsync(AnswerService service, string picture, TaskCompletionSource hasStarted)
    {
        try
        {
            await foreach (string _ in service.AskAsync(Question, picture, await longer, CancellationToken.None))
                hasStarted.TrySetResult();
            return "the answer was complete";
        }
        catch (ObjectDisposedException)
        {
            return "the answer ended with the model";
        }
        finally
        {
            hasStarted.TrySetResult();
        }
    }
}
