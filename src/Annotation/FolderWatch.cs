namespace Tessera.Annotation;

/// <summary>Goes on asking a folder for its pictures, and gives out each once, when it no longer grows.</summary>
/// <param name="paths">Lists the pictures anew.</param>
public sealed class FolderWatch(Func<IEnumerable<string>> paths)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    // Nobody writes a file for longer without a pause, and what is older is whole at first sight.
    private static readonly TimeSpan OldEnough = TimeSpan.FromSeconds(10);
    private readonly HashSet<PathKey> given = [];
    private Dictionary<PathKey, (long Length, DateTime Written)> growing = [];

    /// <summary>The pictures as they come, until it is cancelled.</summary>
    /// <exception cref="TesseraException">The folder can no longer be read.</exception>
    public async IAsyncEnumerable<string> RunAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        while (true)
        {
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            var seen = new Dictionary<PathKey, (long Length, DateTime Written)>();
            foreach (string path in paths())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (IsWhole(path, seen))
                    yield return path;
            }

            growing = seen;
            // A large folder is not listed all the time.
            TimeSpan pause = System.Diagnostics.Stopwatch.GetElapsedTime(started) * 4;
            await Task.Delay(pause > ShortestPause ? pause : ShortestPause, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsWhole(string path, Dictionary<PathKey, (long Length, DateTime Written)> seen)
    {
        var key = PathKey.Of(path);
        if (given.Contains(key))
            return false;
        var file = new FileInfo(path);
        (long Length, DateTime Written) state = file.Exists ? (file.Length, file.LastWriteTimeUtc) : default;
        if (file.Exists && (DateTime.UtcNow - state.Written > OldEnough || (growing.TryGetValue(key, out var before) && before == state)))
            return given.Add(key);
        seen[key] = state;
        return false;
    }
}
