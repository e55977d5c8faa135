using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Tessera.Server.Hosting;

namespace Tessera.Server.Models;

/// <summary>The models that are served: loaded when asked for, unloaded when idle or when another needs the room. Thread-safe.</summary>
internal sealed partial class ModelShelf : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    private readonly ServerOptions options;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private readonly List<LoadedModel> loaded = [];
    private readonly SemaphoreSlim loading = new(1);
    private readonly CancellationTokenSource lifetime = new();
    private readonly Timer timer;
    private TaskCompletionSource released = New();

    public ModelShelf(ServerOptions options, ILogger<ModelShelf> logger)
    {
        (this.options, this.logger) = (options, logger);
        timer = new Timer(_ => UnloadExpired(), null, Tick, Tick);
    }

    /// <summary>All that can be asked for.</summary>
    public IReadOnlyList<ServedModel> Served => options.Models();

    /// <summary>What is in memory.</summary>
    public IReadOnlyList<LoadedModel> Loaded
    {
        get
        {
            lock (gate)
                return [.. loaded];
        }
    }

    /// <summary>A model by its name; null takes the first one. Ollama's clients add <c>:latest</c>.</summary>
    /// <exception cref="ApiException">There is none of that name.</exception>
    public ServedModel Find(string? name)
    {
        IReadOnlyList<ServedModel> served = Served;
        string wanted = name?.EndsWith(":latest", StringComparison.Ordinal) == true ? name[..^":latest".Length] : name ?? "";
        return wanted.Length == 0 && served.Count > 0
            ? served[0]
            : served.FirstOrDefault(model => model.Name == wanted)
                ?? throw new ApiException(
                    404,
                    $"model '{Shared.PlainText.Quote(name ?? "")}' not found: there are {NamesOf(served)}",
                    "model",
                    "model_not_found"
                );
    }

    /// <summary>Takes a model into use, loading it if need be.</summary>
    /// <param name="name">Its name; null takes the first one.</param>
    /// <param name="keepAlive">How long it stays afterwards; null as the server says.</param>
    /// <param name="cancellationToken">Stops the waiting; what is being loaded is loaded all the same.</param>
    public async Task<ModelLease> LeaseAsync(string? name, TimeSpan? keepAlive, CancellationToken cancellationToken)
    {
        ServedModel served = Find(name);
        if (loading.CurrentCount > 0 && TryLease(served, keepAlive) is { } quick)
            return quick;
        // One after another, so that who waits for room gets it before others take it again.
        await loading.WaitAsync(cancellationToken);
        Task<ModelLease> load;
        try
        {
            if (TryLease(served, keepAlive) is { } lease)
            {
                loading.Release();
                return lease;
            }

            await MakeRoomAsync(served, cancellationToken);
            load = LoadAsync(served, keepAlive);
        }
        catch
        {
            loading.Release();
            throw;
        }

        try
        {
            return await load.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _ = load.ContinueWith(
                static done => done.Result.Dispose(),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default
            );
            throw;
        }
    }

    /// <summary>Unloads a model as soon as nobody uses it.</summary>
    public void Unload(string name)
    {
        string found = Find(name).Name;
        lock (gate)
        {
            foreach (LoadedModel model in loaded.Where(model => model.Name == found))
                (model.KeepAlive, model.LastUsed) = (TimeSpan.Zero, DateTimeOffset.UtcNow);
        }

        UnloadExpired();
    }

    public async ValueTask DisposeAsync()
    {
        await timer.DisposeAsync();
        await lifetime.CancelAsync();
        foreach (LoadedModel model in Loaded)
            await model.Model.DisposeAsync();
        lifetime.Dispose();
    }

    private static string NamesOf(IEnumerable<ServedModel> served) => string.Join(", ", served.Select(static model => model.Name));

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ModelLease? TryLease(ServedModel served, TimeSpan? keepAlive)
    {
        lock (gate)
        {
            if (loaded.FirstOrDefault(model => model.Name == served.Name) is not { } found)
                return null;
            found.UserCount++;
            found.KeepAlive = keepAlive ?? options.KeepAlive;
            return new ModelLease(found, wasLoaded: true, () => Release(found));
        }
    }

    private void Release(LoadedModel model)
    {
        TaskCompletionSource signal;
        lock (gate)
        {
            model.UserCount--;
            model.LastUsed = DateTimeOffset.UtcNow;
            (signal, released) = (released, New());
        }

        signal.SetResult();
        if (model.KeepAlive == TimeSpan.Zero)
            UnloadExpired();
    }

    private ModelOptions FilesOf(ServedModel served) =>
        served.Files with
        {
            ParallelAnswerCount = options.ParallelAnswerCount,
            CacheLength = options.CacheLength,
        };

    private async Task<ModelLease> LoadAsync(ServedModel served, TimeSpan? keepAlive)
    {
        try
        {
            long started = Stopwatch.GetTimestamp();
            MultimodalModel model = await MultimodalModel.LoadAsync(FilesOf(served), null, lifetime.Token);
            // In use from the beginning: what nobody uses may be unloaded at any moment.
            var entry = new LoadedModel(served, model, Stopwatch.GetElapsedTime(started))
            {
                UserCount = 1,
                KeepAlive = keepAlive ?? options.KeepAlive,
            };
            lock (gate)
                loaded.Add(entry);
            LogLoaded(logger, served.Name, entry.LoadTime.TotalSeconds);
            return new ModelLease(entry, wasLoaded: false, () => Release(entry));
        }
        finally
        {
            loading.Release();
        }
    }

    // The model that was idle for longest goes first; where all are answering, one is waited for.
    private async Task MakeRoomAsync(ServedModel served, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            int count;
            lock (gate)
                (next, count) = (released.Task, loaded.Count);
            if (count == 0)
                return;
            if (count < options.MaxLoadedModels && await options.HasRoomAsync(FilesOf(served), cancellationToken))
                return;
            if (Take(static models => models.Where(static model => model.UserCount == 0).MinBy(static model => model.LastUsed)) is { } idle)
                await UnloadAsync(idle);
            else
                await next.WaitAsync(cancellationToken);
        }
    }

    private void UnloadExpired()
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        while (Take(models => models.FirstOrDefault(model => model.UserCount == 0 && model.ExpiresAt <= now)) is { } expired)
            _ = UnloadAsync(expired);
    }

    private LoadedModel? Take(Func<List<LoadedModel>, LoadedModel?> choose)
    {
        lock (gate)
        {
            LoadedModel? chosen = choose(loaded);
            if (chosen is not null)
                loaded.Remove(chosen);
            return chosen;
        }
    }

    private async Task UnloadAsync(LoadedModel model)
    {
        LogUnloaded(logger, model.Name);
        await model.Model.DisposeAsync();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} was loaded in {Seconds:0.0} s.")]
    private static partial void LogLoaded(ILogger logger, string model, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} is unloaded.")]
    private static partial void LogUnloaded(ILogger logger, string model);
}
