namespace Tessera.Text.Scheduling;

/// <summary>What callers leave for the scheduler's thread: answers, errands between two steps, and what must run alone.
/// Thread-safe.</summary>
/// <param name="waitingLimit">Answers that may wait.</param>
internal sealed class SchedulerQueues(int waitingLimit) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Queue<AnswerJob> waiting = new();
    private readonly Queue<Action> errands = new();
    private readonly Queue<Action> alone = new();
    private readonly SemaphoreSlim work = new(0);
    private volatile bool isClosed;

    /// <summary>Whether nothing is taken any more.</summary>
    public bool IsClosed => isClosed;

    /// <summary>Whether something waits to run alone.</summary>
    public bool IsAnyAlone
    {
        get
        {
            lock (gate)
                return alone.Count > 0;
        }
    }

    /// <summary>Errands that are there.</summary>
    public int ErrandCount
    {
        get
        {
            lock (gate)
                return errands.Count;
        }
    }

    /// <summary>Whether another answer may wait; false when closed.</summary>
    /// <exception cref="EngineBusyException">Too many are waiting.</exception>
    public bool HasRoom()
    {
        lock (gate)
            return !isClosed && (waiting.Count < waitingLimit ? true : throw new EngineBusyException(waitingLimit));
    }

    /// <summary>Leaves an answer; false when closed.</summary>
    /// <exception cref="EngineBusyException">Others have come since there was room.</exception>
    public bool Add(AnswerJob job)
    {
        lock (gate)
            return HasRoom() && Add(waiting, job);
    }

    /// <summary>Leaves something to be run between two steps; false when closed.</summary>
    public bool AddErrand(Action errand) => Add(errands, errand);

    /// <summary>Leaves something to be run while no answer is; false when closed.</summary>
    public bool AddAlone(Action search) => Add(alone, search);

    /// <summary>The next errand, or null.</summary>
    public Action? TakeErrand() => Take(errands);

    /// <summary>What is next to run alone, or null.</summary>
    public Action? TakeAlone() => Take(alone);

    /// <summary>The next answer, or null.</summary>
    public AnswerJob? TakeWaiting() => Take(waiting);

    /// <summary>The next answer, which stays, or null.</summary>
    public AnswerJob? FirstWaiting()
    {
        lock (gate)
            return waiting.TryPeek(out AnswerJob? job) ? job : null;
    }

    /// <summary>Wakes the thread, after something that must not come once it is closed.</summary>
    public void Wake(Action before)
    {
        lock (gate)
        {
            if (isClosed)
                return;
            before();
            work.Release();
        }
    }

    /// <summary>Waits until something was left, or it was woken.</summary>
    public void WaitForWork() => work.Wait();

    /// <summary>Takes nothing any more, and wakes the thread; false when it was closed before.</summary>
    /// <param name="before">What must not come later.</param>
    public bool Close(Action before)
    {
        lock (gate)
        {
            if (isClosed)
                return false;
            isClosed = true;
            before();
            work.Release();
            return true;
        }
    }

    public void Dispose() => work.Dispose();

    private bool Add<T>(Queue<T> queue, T item)
    {
        lock (gate)
        {
            if (isClosed)
                return false;
            queue.Enqueue(item);
            work.Release();
            return true;
        }
    }

    private T? Take<T>(Queue<T> queue)
        where T : class
    {
        lock (gate)
            return queue.TryDequeue(out T? item) ? item : null;
    }
}
