namespace Tessera.Native;

/// <summary>
/// Lets one native computation at a time use the processor: ggml's threads wait for each other by spinning, so that two graphs on the
/// same cores take much longer than one after the other. Turns are given in the order in which they are asked for.
/// </summary>
internal static class ProcessorTurn
{
    private static readonly object Gate = new();
    private static long nextTicket;
    private static long served;

    [ThreadStatic]
    private static bool isHeld;

    /// <summary>Computes on this thread when its turn has come.</summary>
    public static T Take<T>(Func<T> compute)
    {
        if (isHeld)
            return compute();
        Enter();
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
        if (!isHeld)
            return;
        lock (Gate)
        {
            if (nextTicket - served == 1)
                return;
        }

        Leave();
        Enter();
    }

    private static void Enter()
    {
        lock (Gate)
        {
            long ticket = nextTicket++;
            while (served != ticket)
                Monitor.Wait(Gate);
        }

        isHeld = true;
    }

    private static void Leave()
    {
        isHeld = false;
        lock (Gate)
        {
            served++;
            Monitor.PulseAll(Gate);
        }
    }
}
