using System.Runtime.CompilerServices;

namespace Tessera.Samples.DesktopHost;

/// <summary>The program's background service: it owns the model, loads it when it is created, and answers from any thread.</summary>
internal sealed class AnswerService : IAsyncDisposable
{
    private readonly CancellationTokenSource lifetime = new();
    private readonly Task<MultimodalModel> loading;

    /// <summary>Begins to load; returns at once.</summary>
    public AnswerService(IProgress<EngineProgress> progress) => loading = Task.Run(() => LoadAsync(progress, lifetime.Token));

    /// <summary>Streams an answer as soon as the model is there.</summary>
    public async IAsyncEnumerable<string> AskAsync(
        string question,
        string picture,
        GenerationOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        MultimodalModel model = await loading.WaitAsync(cancellationToken);
        var prompt = new Prompt(question) { Images = [await PromptImage.FromFileAsync(picture, cancellationToken)] };
        await foreach (GenerationUpdate update in model.AnswerStreamingAsync(prompt, options, null, cancellationToken))
            yield return update.Text;
    }

    /// <summary>Stops a load, ends all answers and frees the model, without keeping the caller's thread.</summary>
    public async ValueTask DisposeAsync()
    {
        await lifetime.CancelAsync();
        try
        {
            await (await loading).DisposeAsync();
        }
        catch (Exception failure) when (failure is OperationCanceledException or TesseraException)
        {
            // It was never loaded, and who asked was told so.
        }

        lifetime.Dispose();
    }

    // In Task.Run, because the first use of any code costs the time of compiling it, and finding the files that of a disk.
    private static Task<MultimodalModel> LoadAsync(IProgress<EngineProgress> progress, CancellationToken cancellationToken)
    {
        (string modelPath, string? projectorPath) = ModelCatalog.Resolve(null, null, needsVision: true);
        return MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = modelPath, ProjectorPath = projectorPath },
            progress,
            cancellationToken
        );
    }
}
