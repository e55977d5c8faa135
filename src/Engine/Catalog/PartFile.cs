using System.Diagnostics;
using System.Security.Cryptography;

namespace Tessera.Catalog;

/// <summary>A file while it is downloaded: NAME.part beside NAME.part.state, until it is whole and gets its name.</summary>
internal sealed class PartFile : IDisposable
{
    public const string PartSuffix = ".part",
        StateSuffix = ".part.state";
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);
    private readonly DownloadRequest request;
    private readonly IProgress<PullProgress>? progress;
    private readonly string name;
    private readonly FileStream part;
    private readonly Lock gate = new();
    private long lastSave = Stopwatch.GetTimestamp();

    /// <summary>Opens the file, or begins it.</summary>
    /// <exception cref="PullException">Somebody else is writing to it.</exception>
    public PartFile(DownloadRequest request, IProgress<PullProgress>? progress)
    {
        (this.request, this.progress) = (request, progress);
        name = Path.GetFileName(request.Path);
        try
        {
            part = new FileStream(PartPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Delete, 1);
        }
        catch (IOException failure) when (File.Exists(PartPath))
        {
            throw new PullException(PullFailure.CannotWrite, $"{PartPath} is in use: another pull of the same file is running.", failure);
        }
    }

    private string PartPath => request.Path + PartSuffix;

    private string StatePath => request.Path + StateSuffix;

    public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(part.SafeFileHandle, bytes, offset);

    /// <summary>Drops what was written.</summary>
    public void Empty() => part.SetLength(0);

    /// <summary>Forgets how far the pieces are.</summary>
    public void ForgetState() => File.Delete(StatePath);

    /// <summary>How far the pieces are, from an earlier download of the same version, or from the beginning.</summary>
    /// <param name="length">The whole file's length.</param>
    /// <param name="validator">What tells this version from another; empty for nothing, so that nothing is gone on with.</param>
    /// <exception cref="PullException">The disk has no room for the rest.</exception>
    public DownloadState Resume(long length, string validator)
    {
        DownloadState? state = validator.Length > 0 ? DownloadState.TryRead(StatePath) : null;
        if (state is null || state.Length != length || state.Validator != validator || part.Length != length)
            state = DownloadState.Begin(length, validator);
        RequireRoom(length - state.DoneBytes);
        if (part.Length != length)
            part.SetLength(length);
        state.Write(StatePath);
        return state;
    }

    /// <exception cref="PullException">The disk has less room.</exception>
    public void RequireRoom(long needed)
    {
        long free;
        try
        {
            free = new DriveInfo(Path.GetDirectoryName(request.Path)!).AvailableFreeSpace;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return;
        }

        if (needed > free)
            throw new PullException(
                PullFailure.NoRoom,
                $"{name} needs {needed} more bytes, but only {free} are free in {Path.GetDirectoryName(request.Path)}."
            );
    }

    /// <summary>Writes down how far the pieces are, about each second.</summary>
    public void Save(DownloadState state, bool isNow)
    {
        lock (gate)
        {
            if (!isNow && Stopwatch.GetElapsedTime(lastSave) < SaveInterval)
                return;
            lastSave = Stopwatch.GetTimestamp();
            progress?.Report(new PullProgress(name, state.DoneBytes, state.Length, IsVerifying: false));
            if (isNow)
                part.Flush(flushToDisk: true);
            state.Write(StatePath);
        }
    }

    /// <summary>Tells how far a file is whose pieces are not written down; whether it was time to.</summary>
    public bool Tell(long done, long? length)
    {
        if (Stopwatch.GetElapsedTime(lastSave) < SaveInterval)
            return false;
        lastSave = Stopwatch.GetTimestamp();
        progress?.Report(new PullProgress(name, done, length ?? 0, IsVerifying: false));
        return true;
    }

    /// <summary>Checks the file, puts it onto the disk and gives it its name.</summary>
    /// <param name="digest">The digest that it should have; null where nobody has said it.</param>
    /// <param name="cancellationToken">Stops the checking.</param>
    /// <exception cref="PullException">It is another file, or damaged.</exception>
    public async Task CompleteAsync(string? digest, CancellationToken cancellationToken)
    {
        await VerifyAsync(digest, cancellationToken).ConfigureAwait(false);
        part.Flush(flushToDisk: true);
        File.Move(PartPath, request.Path, overwrite: true);
    }

    /// <summary>Deletes what is left of a download.</summary>
    public static void Delete(DownloadRequest request)
    {
        File.Delete(request.Path + PartSuffix);
        File.Delete(request.Path + StateSuffix);
    }

    public void Dispose() => part.Dispose();

    private async Task VerifyAsync(string? digest, CancellationToken cancellationToken)
    {
        if (request.ByteLength is { } length && part.Length != length && request.Sha256 is not null)
            throw new PullException(PullFailure.WrongDigest, $"{name} has {part.Length} bytes instead of {length}.");
        if (digest is null)
            return;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        long total = part.Length;
        for (long at = 0; at < total; )
        {
            int count = await RandomAccess.ReadAsync(part.SafeFileHandle, buffer, at, cancellationToken).ConfigureAwait(false);
            if (count == 0)
                break;
            hash.AppendData(buffer, 0, count);
            at += count;
            progress?.Report(new PullProgress(name, at, total, IsVerifying: true));
        }

        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != digest)
            throw new PullException(
                PullFailure.WrongDigest,
                $"{name} is damaged or another file: its SHA-256 digest is not {digest}. It was deleted; pull it again."
            );
    }
}
