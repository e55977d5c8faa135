using System.Diagnostics;

namespace Tessera.Native;

/// <summary>
/// Shares the processors among native computations: ggml's threads wait for each other by spinning, so that two graphs on the same cores
/// take much longer than one after the other. One alone gets all processors. Where several come at once, as with pictures that are encoded
/// while answers are decoded, each gets half and two run beside each other: small graphs hardly gain by more threads. Turns are given in
/// the order in which they are asked for.
/// </summary>
internal static class ProcessorTurn
{
    // What met once meets again: graph follows graph, with a moment between them.
    private static readonly TimeSpan MeetingsLast = TimeSpan.FromMilliseconds(50);
    private static readonly int Processors = Environment.ProcessorCount;
    private static readonly object Gate = new();
    private static long nextTicket;
    private static long served;
    private static int free = Processors;
    private static long metAt = -Stopwatch.Frequency;

    [ThreadStatic]
    private static int share;

    /// <summary>The most threads that a computation on this thread may have.</summary>
    public static int Share => share > 0 ? share : Processors;

    /// <summary>Whether this thread's computation has fewer processors than it would have alone.</summary>
    public static bool IsShared => share > 0 && share < Processors;

    /// <summary>Whether anybody waits for a turn.</summary>
    public static bool IsAsked
    {
        get
        {
            lock (Gate)
                return nextTicket != served;
        }
    }

    /// <summary>Computes on this thread when its turn has come.</summary>
    /// <param name="threadCount">How many threads it has in any case; 0 for as many as <see cref="Share"/> says.</param>
    /// <param name="compute">The computation.</param>
    public static T Take<T>(int threadCount, Func<T> compute)
    {
        if (share > 0)
            return compute();
        Enter(threadCount);
        try
        {
            return compute();
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Lets those go first who wait; does nothing on a thread that has no turn.</summary>
    /// <remarks>To be called where no thread of ggml spins: between two parts of a graph.</remarks>
    public static void Yield()
    {
        if (share == 0 || !IsAsked)
            return;
        // With as many threads as before: a graph keeps its count.
        int count = share;
        Leave();
        Enter(count);
    }

    private static void Enter(int threadCount)
    {
        lock (Gate)
        {
            long ticket = nextTicket++;
            bool meets = free < Processors || ticket != served;
            if (meets)
                metAt = Stopwatch.GetTimestamp();
            int wanted = Wanted(threadCount, meets);
            while (ticket != served || wanted > free)
                Monitor.Wait(Gate);
            free -= share = wanted;
            served++;
            Monitor.PulseAll(Gate);
        }
    }

    private static int Wanted(int threadCount, bool meets)
    {
        if (threadCount > 0)
            return Math.Min(threadCount, Processors);
        return meets || Stopwatch.GetElapsedTime(metAt) < MeetingsLast ? Math.Max(1, Processors / 2) : Processors;
    }

    private static void Leave()
    {
        lock (Gate)
        {
            free += share;
            share = 0;
            Monitor.PulseAll(Gate);
        }
    }
}
