namespace Tessera.Compute.Kernels;

/// <summary>Shares the units of an operation among threads.</summary>
internal static class WorkSharing
{
    /// <summary>Computes every unit once; each thread takes the next until none is left.</summary>
    /// <param name="threadCount">The most threads.</param>
    /// <param name="unitCount">The units.</param>
    /// <param name="compute">Takes the thread's number, below both counts, and a unit's.</param>
    public static void Share(int threadCount, int unitCount, Action<int, int> compute)
    {
        int count = Math.Min(threadCount, unitCount),
            stretch = count == 0 ? 0 : (unitCount + count - 1) / count,
            next = -1;
        void Work(int worker)
        {
            // The n-th unit of each stretch before the next ones: processors fetch ahead what lies behind their own, and would take it from
            // a neighbour that writes it.
            for (int ticket; (ticket = Interlocked.Increment(ref next)) < count * stretch; )
            {
                int unit = ticket % count * stretch + ticket / count;
                if (unit < unitCount)
                    compute(worker, unit);
            }
        }

        if (count <= 1)
            Work(0);
        else if (!WorkTeam.OfMachine.TryRun(count, Work))
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, Work);
    }
}
