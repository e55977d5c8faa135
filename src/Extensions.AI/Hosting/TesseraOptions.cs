namespace Tessera.Extensions.AI;

/// <summary>
/// What <c>AddTessera</c> registers: set in code, by <c>services.Configure&lt;TesseraOptions&gt;</c>, or bound to a section of the
/// configuration, where <c>Model:ModelPath</c> and <c>Model:ProjectorPath</c> name the files. A model with a key has the options of that
/// name.
/// </summary>
public sealed class TesseraOptions
{
    /// <summary>The files and where to run them; must be set. Without a logger of its own it gets the container's.</summary>
    public ModelOptions? Model { get; set; }

    /// <summary>What the model is called; null for its file's name.</summary>
    public string? ModelId { get; set; }

    /// <summary>Whether the chat client reads pictures from <c>file:</c> addresses. Off, as messages often come from elsewhere: who may
    /// write one could have any picture of this machine described.</summary>
    public bool AllowFileUris { get; set; }

    /// <summary>Told how far the loading is, on other threads.</summary>
    public IProgress<EngineProgress>? Progress { get; set; }
}
