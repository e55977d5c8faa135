namespace Tessera.Extensions.AI;

/// <summary>What <c>AddTessera</c> registers.</summary>
public sealed class TesseraOptions
{
    /// <summary>The files and where to run them; null for the small model that comes with Tessera. Without a logger of its own it gets the
    /// container's.</summary>
    public ModelOptions? Model { get; set; }

    /// <summary>What the model is called; null for its file's name.</summary>
    public string? ModelId { get; set; }

    /// <summary>Told how far the loading is, on other threads.</summary>
    public IProgress<EngineProgress>? Progress { get; set; }
}
