using System.Diagnostics;
using System.Security.Cryptography;

namespace Tessera.Catalog;

/// <summary>What is downloaded.</summary>
/// <param name="Addresses">Where it is; the later ones are tried when the earlier fail.</param>
/// <param name="Path">Where it goes.</param>
/// <param name="ByteLength">Its length, where that is known.</param>
/// <param name="Sha256">Its digest, where that is known.</param>
internal sealed record DownloadRequest(IReadOnlyList<Uri> Addresses, string Path, long? ByteLength, string? Sha256);

/// <summary>
/// Downloads a file in ranges on several connections, goes on after interruptions where it was, and checks the digest before the file gets
/// its name. Until then it is NAME.part beside NAME.part.state.
/// </summary>
internal sealed class FileDownload(WebSource web, DownloadRequest request, PullOptions options, IProgress<PullProgress>? progress)
{
    public const string PartSuffix = ".part",
        StateSuffix = ".part.state";
    private const int MostFailures = 6,
        BufferLength = 1 << 16;
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);
    private readonly string name = Path.GetFileName(request.Path);
    private readonly Lock gate = new();
    private long lastSave = Stopwatch.GetTimestamp();
    private int failures,
        mirror;

    /// <summary>Waits between tries; tests make it short.</summary>
    internal TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>By which a server stalls; tests move it by hand.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    private Uri Address => request.Addresses[Volatile.Read(ref mirror) % request.Addresses.Count];

    private string PartPath => request.Path + PartSuffix;

    private string StatePath => request.Path + StateSuffix;

    /// <summary>Downloads the file, unless it is there.</summary>
    /// <exception cref="PullException">It cannot be had.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(request.Path) && (request.ByteLength is null || new FileInfo(request.Path).Length == request.ByteLength))
            return;
        try
        {
            using FileStream part = OpenPart();
            string? digest = await FetchAsync(part, cancellationToken).ConfigureAwait(false);
            await VerifyAsync(part, digest, cancellationToken).ConfigureAwait(false);
            part.Flush(flushToDisk: true);
            File.Move(PartPath, request.Path, overwrite: true);
        }
        catch (PullException failure) when (failure.Failure == PullFailure.WrongDigest)
        {
            File.Delete(PartPath);
            File.Delete(StatePath);
            throw;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException && failure is not HttpIOException)
        {
            // ENOSPC, and ERROR_DISK_FULL.
            PullFailure kind = failure.HResult is 28 or unchecked((int)0x80070070) ? PullFailure.NoRoom : PullFailure.CannotWrite;
            throw new PullException(kind, $"{request.Path} cannot be written: {failure.Message.TrimEnd('.')}.", failure);
        }

        File.Delete(StatePath);
    }

    private FileStream OpenPart()
    {
        try
        {
            return new FileStream(PartPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Delete, 1);
        }
        catch (IOException failure) when (File.Exists(PartPath))
        {
            throw new PullException(PullFailure.CannotWrite, $"{PartPath} is in use: another pull of the same file is running.", failure);
        }
    }

    // Returns the digest that the file should have, where anybody has said it.
    private async Task<string?> FetchAsync(FileStream part, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            Head head = await RetryAsync(HeadAsync, cancellationToken).ConfigureAwait(false);
            string? digest = request.Sha256 ?? head.Digest;
            if (request.ByteLength is { } expected && head.Length is { } length && length != expected && request.Sha256 is not null)
                throw new PullException(
                    PullFailure.WrongDigest,
                    $"{WebSource.Shown(Address)} has {length} bytes instead of {expected}: it is another file than the catalogue says."
                );
            // Better now than after gigabytes.
            if (request.Sha256 is { } wanted && head.Digest is { } told && told != wanted)
                throw new PullException(
                    PullFailure.WrongDigest,
                    $"{WebSource.Shown(Address)} has the digest {told} instead of {wanted}: it is another file than the catalogue says."
                );
            try
            {
                if (head is { TakesRanges: true, Length: { } total })
                    await FetchPiecesAsync(part, Resume(part, total, digest ?? head.Validator ?? ""), head, cancellationToken)
                        .ConfigureAwait(false);
                else
                    await RetryAsync(stop => FetchWholeAsync(part, head.Length, stop), cancellationToken).ConfigureAwait(false);
                return digest;
            }
            catch (ChangedException) when (attempt < 2)
            {
                // The file is another one now: from its beginning.
                File.Delete(StatePath);
            }
        }
    }

    private async Task<Head> HeadAsync(CancellationToken cancellationToken)
    {
        using WebAnswer answer = await Stalling(stop => web.AskAsync(Address, (0, 0), null, stop), cancellationToken).ConfigureAwait(false);
        if (answer.TotalLength is <= 0)
            throw new PullException(PullFailure.BadAnswer, $"{WebSource.Shown(Address)}: the file is empty.");
        return new Head(
            answer.IsPart && answer.TotalLength is not null && answer.First == 0,
            answer.TotalLength,
            answer.Validator,
            answer.Digest
        );
    }

    private DownloadState Resume(FileStream part, long length, string validator)
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

    private void RequireRoom(long needed)
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

    private async Task FetchPiecesAsync(FileStream part, DownloadState state, Head head, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int next = -1;
        async Task WorkAsync()
        {
            int piece;
            while ((piece = Interlocked.Increment(ref next)) < state.PieceCount)
            while (state.Left(piece) is var (first, end) && first < end)
                await RetryAsync(token => FetchPieceAsync(part, state, piece, head, token), stop.Token).ConfigureAwait(false);
        }

        Task[] workers =
        [
            .. Enumerable.Range(0, Math.Clamp(options.ConnectionCount, 1, 16)).Select(_ => Task.Run(WorkAsync, CancellationToken.None)),
        ];
        try
        {
            while (await Task.WhenAny(workers).ConfigureAwait(false) is { } ended)
            {
                await ended.ConfigureAwait(false);
                workers = [.. workers.Where(worker => worker != ended)];
                if (workers.Length == 0)
                    break;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(workers)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Save(part, state, isNow: true);
        }
    }

    private async Task<bool> FetchPieceAsync(
        FileStream part,
        DownloadState state,
        int piece,
        Head head,
        CancellationToken cancellationToken
    )
    {
        (long first, long end) = state.Left(piece);
        using WebAnswer answer = await Stalling(stop => web.AskAsync(Address, (first, end - 1), head.Validator, stop), cancellationToken)
            .ConfigureAwait(false);
        if (
            !answer.IsPart
            || answer.TotalLength != state.Length
            || answer.First != first
            || (head.Validator is not null && answer.Validator is { } now && now != head.Validator)
        )
            throw new ChangedException(Address);
        Stream content = await answer.OpenAsync(cancellationToken).ConfigureAwait(false);
        byte[] buffer = new byte[BufferLength];
        while (first < end)
        {
            int most = (int)Math.Min(buffer.Length, end - first);
            int count = await Stalling(
                    async stop => await content.ReadAsync(buffer.AsMemory(0, most), stop).ConfigureAwait(false),
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (count == 0)
                throw new HttpRequestException("the connection ended early");
            RandomAccess.Write(part.SafeFileHandle, buffer.AsSpan(0, count), first);
            state.Add(piece, count);
            first += count;
            Volatile.Write(ref failures, 0);
            Save(part, state, isNow: false);
        }

        return true;
    }

    private void Save(FileStream part, DownloadState state, bool isNow)
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

    // From a server that knows no ranges, in one go and from the beginning.
    private async Task<bool> FetchWholeAsync(FileStream part, long? length, CancellationToken cancellationToken)
    {
        if (length is { } needed)
            RequireRoom(needed);
        using WebAnswer answer = await Stalling(stop => web.AskAsync(Address, null, null, stop), cancellationToken).ConfigureAwait(false);
        Stream content = await answer.OpenAsync(cancellationToken).ConfigureAwait(false);
        part.SetLength(0);
        byte[] buffer = new byte[BufferLength];
        long done = 0;
        int count;
        while (
            (
                count = await Stalling(async stop => await content.ReadAsync(buffer, stop).ConfigureAwait(false), cancellationToken)
                    .ConfigureAwait(false)
            ) > 0
        )
        {
            RandomAccess.Write(part.SafeFileHandle, buffer.AsSpan(0, count), done);
            done += count;
            if (Stopwatch.GetElapsedTime(lastSave) < SaveInterval)
                continue;
            lastSave = Stopwatch.GetTimestamp();
            if (length is null)
                RequireRoom(0x100000);
            progress?.Report(new PullProgress(name, done, length ?? 0, IsVerifying: false));
        }

        return length is null || done == length ? true : throw new HttpRequestException("the connection ended early");
    }

    private async Task VerifyAsync(FileStream part, string? digest, CancellationToken cancellationToken)
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

    // Failures that go by are waited out, longer each time; whatever arrives starts the count anew. The next try is another mirror's.
    private async Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await action(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception failure) when (IsPassing(failure, cancellationToken))
            {
                int count = Interlocked.Increment(ref failures);
                if (count >= MostFailures * Math.Max(1, Math.Min(2, request.Addresses.Count)))
                    throw failure as PullException
                        ?? new PullException(PullFailure.Unreachable, $"{WebSource.Shown(Address)}: {Reason(failure)}.", failure);
                Interlocked.Increment(ref mirror);
                TimeSpan wait = FirstWait * Math.Pow(2, Math.Min(count, 5) - 1);
                if (failure is BusyException { RetryAfter: var asked } && asked > wait)
                    wait = asked;
                await Task.Delay(wait, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private bool IsPassing(Exception failure, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested
        && (
            failure is HttpRequestException or HttpIOException or TimeoutException or BusyException
            || (failure is IOException && failure.InnerException is System.Net.Sockets.SocketException)
            || (
                failure is PullException { Failure: PullFailure.NotFound or PullFailure.BadAnswer }
                && Volatile.Read(ref failures) < request.Addresses.Count - 1
            )
        );

    private static string Reason(Exception failure) =>
        failure is TimeoutException ? "the server brings nothing more" : $"the server cannot be reached ({PlainText(failure.Message)})";

    private static string PlainText(string text) =>
        string.Concat(text.Select(static character => char.IsControl(character) ? ' ' : character)).TrimEnd('.', ' ');

    private async Task<T> Stalling<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.StallLimit, Clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return await action(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("nothing came", failure);
        }
    }

    /// <summary>What a server says of a file before it is fetched.</summary>
    private sealed record Head(bool TakesRanges, long? Length, string? Validator, string? Digest);

    /// <summary>The file changed while it was fetched.</summary>
    private sealed class ChangedException(Uri address)
        : PullException(
            PullFailure.BadAnswer,
            $"{WebSource.Shown(address)}: the file keeps changing while it is fetched, or the server does not send what it is asked for."
        );
}
