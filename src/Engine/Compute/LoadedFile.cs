using Tessera.Gguf;

namespace Tessera.Compute;

/// <summary>
/// A model's file for as long as the model is loaded: what it was when it was loaded, and whether it still is. Keeps the file open, so
/// that one which is deleted or replaced by another of its name stays readable.
/// </summary>
/// <param name="file">The file, which it does not own.</param>
/// <param name="settings">What else tells the model apart.</param>
internal sealed class LoadedFile(GgufFile file, string settings = "")
{
    private readonly Lock gate = new();
    private readonly Lazy<string> fingerprint = new(() => ModelFingerprint.Of(file, settings));
    private FileState state = file.State;

    /// <summary>What the file and its settings were when they were loaded.</summary>
    /// <exception cref="ModelFileException">The file cannot be read.</exception>
    public string Fingerprint => fingerprint.Value;

    /// <summary>Takes the fingerprint in the background, when the file has just been read and the system still holds it.</summary>
    public void TakeFingerprint() => _ = Task.Run(() => fingerprint.Value);

    /// <summary>Fails when the bytes of the file are no longer those that were loaded; looks at them only when its length or time of change
    /// is another.</summary>
    /// <exception cref="ModelFileException">They are others.</exception>
    public void RequireUnchanged()
    {
        lock (gate)
        {
            FileState now = file.State;
            if (now == state)
                return;
            if (now.Length != state.Length || ModelFingerprint.Of(file, settings) != Fingerprint)
                throw new ModelFileException(
                    file.Path,
                    "it has been changed since it was loaded, and what it held is gone: load the model again."
                );
            state = now;
        }
    }
}
