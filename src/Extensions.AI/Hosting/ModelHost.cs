using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tessera.Extensions.AI;

/// <summary>
/// Loads a model when it is first asked for, off the caller's thread and once for all who ask, and disposes it once, also when it is
/// still loading. A load that failed is tried again by the next who asks.
/// </summary>
internal sealed partial class ModelHost : IDisposable, IAsyncDisposable
{
    private readonly TesseraOptions options;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource lifetime = new();
    private Task<MultimodalModel>? loading;
    private ChatBackend? backend;
    private bool isDisposed;

    /// <summary>Loads nothing yet.</summary>
    /// <param name="options">Valid ones, with a model.</param>
    /// <param name="logger">Told of loading.</param>
    public ModelHost(TesseraOptions options, ILogger logger)
    {
        (this.options, this.logger) = (options, logger);
        Model = options.Model!;
        ModelId = options.ModelId ?? Path.GetFileNameWithoutExtension(Model.ModelPath);
        // Without a logger in the container the native log stays where it was.
        if (logger is not NullLogger)
            NativeLogging.Logger ??= logger;
    }

    /// <summary>Whether clients read <c>file:</c> addresses.</summary>
    public bool AllowsFileUris => options.AllowFileUris;

    /// <summary>What the model is called.</summary>
    public string ModelId { get; }

    /// <summary>The model, or null while it is not loaded.</summary>
    public MultimodalModel? Loaded
    {
        get
        {
            lock (gate)
                return loading is { IsCompletedSuccessfully: true } ? loading.Result : null;
        }
    }

    private ModelOptions Model { get; }

    /// <summary>The model, loaded if it is not yet. A caller who gives up does not stop the loading for others.</summary>
    public Task<MultimodalModel> GetAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, typeof(MultimodalModel));
            if (loading is null or { IsFaulted: true } or { IsCanceled: true })
                loading = Task.Run(LoadAsync, CancellationToken.None);
            return loading.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The model as clients answer with it.</summary>
    public async Task<ChatBackend> GetBackendAsync(CancellationToken cancellationToken)
    {
        MultimodalModel model = await GetAsync(cancellationToken).ConfigureAwait(false);
        lock (gate)
            return backend ??= ChatBackend.Of(model);
    }

    /// <summary>Stops the loading, and disposes the model.</summary>
    public void Dispose()
    {
        // What is waited for runs on the thread pool, so that no caller's context can be in its way.
        if (Stop() is { } load)
            EndAsync(load).GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Dispose"/>
    public async ValueTask DisposeAsync()
    {
        if (Stop() is { } load)
            await EndAsync(load).ConfigureAwait(false);
    }

    private Task<MultimodalModel>? Stop()
    {
        lock (gate)
        {
            if (isDisposed)
                return null;
            isDisposed = true;
        }

        lifetime.Cancel();
        return loading;
    }

    private static async Task EndAsync(Task<MultimodalModel> load)
    {
        await ((Task)load).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (load.IsCompletedSuccessfully)
            await Task.Run(load.Result.Dispose).ConfigureAwait(false);
    }

    private async Task<MultimodalModel> LoadAsync()
    {
        LogLoading(logger, Model.ModelPath);
        long started = Stopwatch.GetTimestamp();
        try
        {
            MultimodalModel model = await MultimodalModel.LoadAsync(Model, options.Progress, lifetime.Token).ConfigureAwait(false);
            LogLoaded(logger, ModelId, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            return model;
        }
        catch (OperationCanceledException stopped) when (lifetime.IsCancellationRequested)
        {
            throw new ObjectDisposedException(
                $"{nameof(MultimodalModel)} {ModelId}: its container was disposed while it was loading.",
                stopped
            );
        }
        catch (Exception failure)
        {
            LogFailed(logger, failure, Model.ModelPath);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Loading {ModelPath}")]
    private static partial void LogLoading(ILogger logger, string modelPath);

    [LoggerMessage(Level = LogLevel.Information, Message = "Loaded {ModelId} in {ElapsedMs:0} ms")]
    private static partial void LogLoaded(ILogger logger, string modelId, double elapsedMs);

    [LoggerMessage(Level = LogLevel.Error, Message = "{ModelPath} could not be loaded")]
    private static partial void LogFailed(ILogger logger, Exception failure, string modelPath);
}
