using Tessera.Cli.Arguments;

namespace Tessera.Cli.Mcp;

/// <summary>The model behind the tools: each half is loaded when it is first needed, and stays.</summary>
/// <param name="pictures">Reads what may be read.</param>
/// <param name="openVision">Opens the projector, which is enough to plan.</param>
/// <param name="load">Loads all of it.</param>
/// <param name="limits">Limits on slices and tokens of each picture.</param>
internal sealed class McpEyes(
    BoundedPictures pictures,
    Func<VisionModel> openVision,
    Func<CancellationToken, Task<MultimodalModel>> load,
    PlanRequest limits
) : IAsyncDisposable
{
    private readonly SemaphoreSlim gate = new(1, 1);
    private MultimodalModel? model;
    private VisionModel? vision;

    /// <summary>Answers a question about a picture.</summary>
    /// <exception cref="TesseraException">The picture or the model cannot be used.</exception>
    public async Task<GenerationResult> AskAsync(string picture, string question, int maxTokens, CancellationToken cancellationToken)
    {
        var prompt = new Prompt(question) { Images = [await OpenAsync(picture, cancellationToken)], Limits = limits };
        MultimodalModel loaded = await OnceAsync(async () => model ??= await load(cancellationToken), cancellationToken);
        var options = new GenerationOptions { Temperature = 0, MaxTokens = maxTokens };
        return await loaded.AnswerAsync(prompt, options, progress: null, cancellationToken);
    }

    /// <summary>What the model will see of a picture.</summary>
    /// <exception cref="TesseraException">The picture or the projector cannot be used.</exception>
    public async Task<(VisionModel Vision, SlicePlan Plan)> LookAsync(string picture, CancellationToken cancellationToken)
    {
        PromptImage opened = await OpenAsync(picture, cancellationToken);
        VisionModel eyes = await OnceAsync(() => Task.FromResult(model?.Vision ?? (vision ??= openVision())), cancellationToken);
        return (eyes, eyes.Plan(opened, limits));
    }

    public async ValueTask DisposeAsync()
    {
        if (model is not null)
            await model.DisposeAsync();
        vision?.Dispose();
        gate.Dispose();
    }

    private async Task<PromptImage> OpenAsync(string picture, CancellationToken cancellationToken)
    {
        if (!picture.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
            return await pictures.ReadAsync(Path.GetFullPath(picture), cancellationToken);
        using var nothing = new HttpClient();
        return await PromptImage.FromUriAsync(new Uri(picture), nothing, cancellationToken);
    }

    private async Task<T> OnceAsync<T>(Func<Task<T>> make, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            return await make();
        }
        finally
        {
            gate.Release();
        }
    }
}
