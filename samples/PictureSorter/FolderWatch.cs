using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Tessera.Samples.PictureSorter;

/// <summary>The pictures of a folder, and those that arrive later.</summary>
internal sealed class FolderWatch(string folder, bool isOnce)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Gives each picture once it has been written to its end.</summary>
    public async IAsyncEnumerable<string> PicturesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var arrived = Channel.CreateUnbounded<string>();
        using var watcher = new FileSystemWatcher(folder);
        watcher.Created += (_, file) => arrived.Writer.TryWrite(file.FullPath);
        watcher.Renamed += (_, file) => arrived.Writer.TryWrite(file.FullPath);
        watcher.EnableRaisingEvents = !isOnce;
        foreach (string present in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
            arrived.Writer.TryWrite(present);
        if (isOnce)
            arrived.Writer.Complete();
        await foreach (string path in arrived.Reader.ReadAllAsync(cancellationToken))
        {
            await UntilWrittenAsync(path, cancellationToken);
            if (PromptImage.IsImageFile(path))
                yield return path;
        }
    }

    // A file that is still being copied grows.
    private async Task UntilWrittenAsync(string path, CancellationToken cancellationToken)
    {
        long length = -1;
        while (!isOnce && File.Exists(path) && new FileInfo(path).Length != length)
        {
            length = new FileInfo(path).Length;
            await Task.Delay(Pause, cancellationToken);
        }
    }
}
