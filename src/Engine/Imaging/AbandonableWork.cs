namespace Tessera.Imaging;

/// <summary>
/// Work that may spend seconds in one call of a library that hears of no cancellation. It has a thread of its own, so that its caller
/// can leave at once; it then ends by itself, and what it made is dropped.
/// </summary>
internal static class AbandonableWork
{
    /// <summary>Runs the work; on the caller's own thread where it cannot be cancelled.</summary>
    /// <param name="work">The work. It must own what it uses, and should look at the token as often as it can.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static T Run<T>(Func<T> work, CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
            return work();
        cancellationToken.ThrowIfCancellationRequested();
        Task<T> task = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            Task.WaitAny([task], cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Nobody asks any more how it ended.
            _ = task.ContinueWith(
                static ended => _ = ended.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted,
                TaskScheduler.Default
            );
            throw;
        }

        return task.GetAwaiter().GetResult();
    }
}
