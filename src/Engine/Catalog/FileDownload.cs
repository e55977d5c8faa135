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
    private const int BufferLength = 1 << 16;

    // Where a server does not say how long a file is.
    private const long LeastRoom = 1 << 20;
    private readonly DownloadTries tries = new(request.Addresses, options.StallLimit);

    /// <summary>Waits between tries; tests make it short.</summary>
    internal TimeSpan FirstWait
    {
        init => tries.FirstWait = value;
    }

    /// <summary>By which a server stalls; tests move it by hand.</summary>
    internal TimeProvider Clock
    {
        init => tries.Clock = value;
    }

    private Uri Address => tries.Address;

    /// <summary>Downloads the file, unless it is there.</summary>
    /// <exception cref="PullException">It cannot be had.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(request.Path) && (request.ByteLength is null || new FileInfo(request.Path).Length == request.ByteLength))
            return;
        try
        {
            using var part = new PartFile(request, progress);
            string? digest = await FetchAsync(part, cancellationToken).ConfigureAwait(false);
            await part.CompleteAsync(digest, cancellationToken).ConfigureAwait(false);
        }
        catch (PullException failure) when (failure.Failure == PullFailure.WrongDigest)
        {
            PartFile.Delete(request);
            throw;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException && failure is not HttpIOException)
        {
            // ENOSPC, and ERROR_DISK_FULL.
            PullFailure kind = failure.HResult is 28 or unchecked((int)0x80070070) ? PullFailure.NoRoom : PullFailure.CannotWrite;
            throw new PullException(kind, $"{request.Path} cannot be written: {failure.Message.TrimEnd('.')}.", failure);
        }

        File.Delete(request.Path + PartFile.StateSuffix);
    }

    // Returns the digest that the file should have, where anybody has said it.
    private async Task<string?> FetchAsync(PartFile part, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            Head head = await tries.RetryAsync(HeadAsync, cancellationToken).ConfigureAwait(false);
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
                    await FetchPiecesAsync(part, part.Resume(total, digest ?? head.Validator ?? ""), head, cancellationToken)
                        .ConfigureAwait(false);
                else
                    await tries.RetryAsync(stop => FetchWholeAsync(part, head.Length, stop), cancellationToken).ConfigureAwait(false);
                return digest;
            }
            catch (ChangedException) when (attempt < 2)
            {
                // The file is another one now: from its beginning.
                part.ForgetState();
            }
        }
    }

    private async Task<Head> HeadAsync(CancellationToken cancellationToken)
    {
        using WebAnswer answer = await tries
            .WithinLimitAsync(stop => web.AskAsync(Address, (0, 0), null, stop), cancellationToken)
            .ConfigureAwait(false);
        if (answer.TotalLength is <= 0)
            throw new PullException(PullFailure.BadAnswer, $"{WebSource.Shown(Address)}: the file is empty.");
        return new Head(
            answer.IsPart && answer.TotalLength is not null && answer.First == 0,
            answer.TotalLength,
            answer.Validator,
            answer.Digest
        );
    }

    private async Task FetchPiecesAsync(PartFile part, DownloadState state, Head head, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int next = -1;
        async Task WorkAsync()
        {
            int piece;
            while ((piece = Interlocked.Increment(ref next)) < state.PieceCount)
            while (state.Left(piece) is var (first, end) && first < end)
                await tries.RetryAsync(token => FetchPieceAsync(part, state, piece, head, token), stop.Token).ConfigureAwait(false);
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
            part.Save(state, isNow: true);
        }
    }

    private async Task<bool> FetchPieceAsync(PartFile part, DownloadState state, int piece, Head head, CancellationToken cancellationToken)
    {
        (long first, long end) = state.Left(piece);
        using WebAnswer answer = await tries
            .WithinLimitAsync(stop => web.AskAsync(Address, (first, end - 1), head.Validator, stop), cancellationToken)
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
            int count = await tries
                .WithinLimitAsync(
                    async stop => await content.ReadAsync(buffer.AsMemory(0, most), stop).ConfigureAwait(false),
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (count == 0)
                throw new HttpRequestException("the connection ended early");
            part.Write(buffer.AsSpan(0, count), first);
            state.Add(piece, count);
            first += count;
            tries.Progress();
            part.Save(state, isNow: false);
        }

        return true;
    }

    // From a server that knows no ranges, in one go and from the beginning.
    private async Task<bool> FetchWholeAsync(PartFile part, long? length, CancellationToken cancellationToken)
    {
        if (length is { } needed)
            part.RequireRoom(needed);
        using WebAnswer answer = await tries
            .WithinLimitAsync(stop => web.AskAsync(Address, null, null, stop), cancellationToken)
            .ConfigureAwait(false);
        Stream content = await answer.OpenAsync(cancellationToken).ConfigureAwait(false);
        part.Empty();
        byte[] buffer = new byte[BufferLength];
        long done = 0;
        int count;
        while (
            (
                count = await tries
                    .WithinLimitAsync(async stop => await content.ReadAsync(buffer, stop).ConfigureAwait(false), cancellationToken)
                    .ConfigureAwait(false)
            ) > 0
        )
        {
            part.Write(buffer.AsSpan(0, count), done);
            done += count;
            if (part.Tell(done, length) && length is null)
                part.RequireRoom(LeastRoom);
        }

        return length is null || done == length ? true : throw new HttpRequestException("the connection ended early");
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
