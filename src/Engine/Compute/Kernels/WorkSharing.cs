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
        int next = -1;
        void Work(int worker)
        {
            for (int unit; (unit = Interlocked.Increment(ref next)) < unitCount; )
                compute(worker, unit);
        }

        int count = Math.Min(threadCount, unitCount);
        if (count <= 1)
            Work(0);
        else if (!WorkTeam.OfMachine.TryRun(count, Work))
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, Work);
    }
}
