namespace Tessera.Compute.Kernels;

/// <summary>Shares the units of an operation among threads.</summary>
internal static class WorkSharing
{
    // Counters that do not share a line of the caches.
    private const int Padding = 32;

    /// <summary>Computes every unit once; each thread takes the next until none is left.</summary>
    /// <param name="threadCount">The most threads.</param>
    /// <param name="unitCount">The units.</param>
    /// <param name="compute">Takes the thread's number, below both counts, and a unit's.</param>
    public static void Share(int threadCount, int unitCount, Action<int, int> compute)
    {
        int count = Math.Min(threadCount, unitCount),
            stretch = count == 0 ? 0 : (unitCount + count - 1) / count;
        var taken = new int[count * Padding];
        void Work(int worker)
        {
            // A stretch for each, and what others have left of theirs: processors fetch ahead what lies behind their own, and would take it
            // from a neighbour.
            for (int turn = 0; turn < count; turn++)
            {
                int own = (worker + turn) % count;
                for (int place; (place = Interlocked.Increment(ref taken[own * Padding]) - 1) < stretch; )
                {
                    int unit = own * stretch + place;
                    if (unit < unitCount)
                        compute(worker, unit);
                }
            }
        }

        if (count <= 1)
            Work(0);
        else if (!WorkTeam.OfMachine.TryRun(count, Work))
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, Work);
    }
}
