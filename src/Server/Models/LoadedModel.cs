using Tessera.Extensions.AI;

namespace Tessera.Server.Models;

/// <summary>A model in memory, and who uses it. What changes belongs to the shelf's lock.</summary>
/// <param name="served">What it was loaded from.</param>
/// <param name="model">The model.</param>
/// <param name="loadTime">What loading took.</param>
internal sealed class LoadedModel(ServedModel served, MultimodalModel model, TimeSpan loadTime)
{
    public ServedModel Served => served;

    public string Name => served.Name;

    public MultimodalModel Model => model;

    public TimeSpan LoadTime => loadTime;

    /// <summary>Answers with it.</summary>
    public TesseraChatClient Client { get; } = new(model, served.Name);

    public int UserCount { get; set; }

    public DateTimeOffset LastUsed { get; set; } = DateTimeOffset.UtcNow;

    /// <summary>How long it stays after its last use; negative for ever.</summary>
    public TimeSpan KeepAlive { get; set; }

    /// <summary>When it will be unloaded, if nobody asks before.</summary>
    public DateTimeOffset ExpiresAt => KeepAlive < TimeSpan.Zero ? DateTimeOffset.MaxValue : LastUsed + KeepAlive;
}

/// <summary>A loaded model in use: disposing it lets the model go.</summary>
internal sealed class ModelLease(LoadedModel loaded, bool wasLoaded, Action release) : IDisposable
{
    private Action? release = release;

    public LoadedModel Loaded => loaded;

    public MultimodalModel Model => loaded.Model;

    /// <summary>What the request had to wait for loading.</summary>
    public TimeSpan LoadTime => wasLoaded ? TimeSpan.Zero : loaded.LoadTime;

    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();
}
