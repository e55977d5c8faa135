namespace Tessera.Catalog;

/// <summary>Asks again after failures that go by, and gives up what brings nothing any more; all connections of a download share
/// it.</summary>
/// <param name="addresses">Where the file is.</param>
/// <param name="stallLimit">How long nothing may come.</param>
internal sealed class DownloadTries(IReadOnlyList<Uri> addresses, TimeSpan stallLimit)
{
    private const int MostFailures = 6;
    private int failures,
        mirror;

    /// <summary>Waits between tries; tests make it short.</summary>
    public TimeSpan FirstWait { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>By which a server stalls; tests move it by hand.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>Where to ask now.</summary>
    public Uri Address => addresses[Volatile.Read(ref mirror) % addresses.Count];

    /// <summary>Something came: failures are counted anew.</summary>
    public void Progress() => Volatile.Write(ref failures, 0);

    /// <summary>Runs an action until it succeeds, waiting longer each time; the next try is another mirror's.</summary>
    /// <exception cref="PullException">It failed too often.</exception>
    public async Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
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
                if (count >= MostFailures * Math.Max(1, Math.Min(2, addresses.Count)))
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
                && Volatile.Read(ref failures) < addresses.Count - 1
            )
        );

    private static string Reason(Exception failure) =>
        failure is TimeoutException ? "the server brings nothing more" : $"the server cannot be reached ({PlainText(failure.Message)})";

    private static string PlainText(string text) =>
        string.Concat(text.Select(static character => char.IsControl(character) ? ' ' : character)).TrimEnd('.', ' ');

    /// <summary>Runs an action that is given up where nothing comes for too long.</summary>
    /// <exception cref="TimeoutException">Nothing came.</exception>
    public async Task<T> WithinLimitAsync<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(stallLimit, Clock);
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
}
