namespace Tessera.Compute.Kernels;

/// <summary>
/// Threads that stay for what comes next: an operation of one token takes a hundredth of a millisecond, and a hundred follow each other.
/// Each spins for a moment, then sleeps. For one caller at a time.
/// </summary>
internal sealed class WorkTeam
{
    // As long as waking a sleeping thread takes, about, in pauses of the processor.
    private const int Spins = 400,
        PausesEach = 4;
    private readonly Member[] members;
    private int isBusy;

    private WorkTeam(int size)
    {
        members = new Member[size];
        for (int index = 0; index < size; index++)
            members[index] = new Member(index + 1);
    }

    /// <summary>The machine's: one thread less than it has processors.</summary>
    public static WorkTeam OfMachine { get; } = new(Environment.ProcessorCount - 1);

    /// <summary>Runs work on this thread, as number 0, and on members, as far as they come before it is done.</summary>
    /// <param name="threadCount">Threads, this one included; at least 2.</param>
    /// <param name="work">Takes the thread's number, and returns when there is nothing left to do.</param>
    /// <returns>Whether it was done; not if the team works for somebody else.</returns>
    public bool TryRun(int threadCount, Action<int> work)
    {
        if (threadCount - 1 > members.Length || Interlocked.Exchange(ref isBusy, 1) != 0)
            return false;
        try
        {
            for (int index = 0; index < threadCount - 1; index++)
                members[index].Start(work);
            Exception? failure = null;
            try
            {
                work(0);
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }

            // Each is waited for, whatever has failed: they still use what the work refers to.
            for (int index = 0; index < threadCount - 1; index++)
            {
                Exception? other = members[index].Finish();
                failure ??= other;
            }

            return failure is null ? true : throw new AggregateException(failure);
        }
        finally
        {
            Volatile.Write(ref isBusy, 0);
        }
    }

#pragma warning disable CA1001 // a member lives as long as the process
    private sealed class Member(int number)
#pragma warning restore CA1001
    {
        private readonly SemaphoreSlim wake = new(0);
        private Action<int>? next;
        private Exception? failure;
        private bool isStarted;
        private int isAsleep,
            isWorking;

        public void Start(Action<int> work)
        {
            if (!isStarted)
            {
                isStarted = true;
                new Thread(Live) { IsBackground = true, Name = "Tessera kernels" }.Start();
            }

            failure = null;
            Interlocked.Exchange(ref next, work);
            if (Interlocked.Exchange(ref isAsleep, 0) != 0)
                wake.Release();
        }

        // Takes the work back if the member has not come to it.
        public Exception? Finish()
        {
            if (Interlocked.Exchange(ref next, null) is null)
            {
                var spin = new SpinWait();
                while (Volatile.Read(ref isWorking) != 0)
                    spin.SpinOnce(sleep1Threshold: -1);
            }

            return failure;
        }

        private void Live()
        {
            while (true)
            {
                Wait();
                // Said before the work is taken, so that who finds it taken sees that it is being done.
                Interlocked.Exchange(ref isWorking, 1);
                if (Interlocked.Exchange(ref next, null) is { } work)
                {
                    try
                    {
                        work(number);
                    }
                    catch (Exception thrown)
                    {
                        failure = thrown;
                    }
                }

                Volatile.Write(ref isWorking, 0);
            }
        }

        private void Wait()
        {
            for (int spin = 0; spin < Spins; spin++)
            {
                if (Volatile.Read(ref next) is not null)
                    return;
                Thread.SpinWait(PausesEach);
            }

            Interlocked.Exchange(ref isAsleep, 1);
            // What came in between has woken this thread, or finds it asleep.
            if (Volatile.Read(ref next) is not null && Interlocked.Exchange(ref isAsleep, 0) != 0)
                return;
            wake.Wait();
        }
    }
}
