namespace Tessera.Compute.Threads;

/// <summary>
/// How many processors other programs keep busy, and how many threads that leaves room for. Readings are taken as they are asked for,
/// at most ten a second, so that asking before each step costs nothing. Thread-safe.
/// </summary>
internal sealed class ProcessorLoad
{
    // Systems count in steps of 10 to 16 ms.
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(100);
    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly Func<ProcessorTimes?> read;
    private long readAt;
    private ProcessorTimes? last;
    private double current,
        before;
    private bool isFirstWindow = true;

    /// <summary>Takes the first reading.</summary>
    public ProcessorLoad(TimeProvider clock, Func<ProcessorTimes?> read)
    {
        this.clock = clock;
        this.read = read;
        last = read();
        readAt = clock.GetTimestamp();
    }

    /// <summary>This machine's; its first window begins with the first use.</summary>
    public static ProcessorLoad OfMachine { get; } = new(TimeProvider.System, ProcessorTimes.Read);

    /// <summary>
    /// Processors that others kept busy, in the busier one of the last two windows: so that what begins counts at once, and what ends when
    /// that is certain. 0 where the system tells nothing.
    /// </summary>
    public double BusyByOthers()
    {
        lock (gate)
        {
            TimeSpan passed = clock.GetElapsedTime(readAt);
            if (passed >= Window)
                Measure(passed);
            else if (isFirstWindow && passed >= Window / 4)
                return Others(passed, read());
            return Math.Max(current, before);
        }
    }

    /// <summary>
    /// The count of threads with which work that waits for its slowest thread is expected to be fastest: n threads of which one is
    /// kept from running stand still.
    /// </summary>
    /// <param name="processorCount">Processors that the work may use.</param>
    /// <param name="busyByOthers">How many others keep busy.</param>
    public static int RoomFor(int processorCount, double busyByOthers)
    {
        int best = 1;
        double bestSpeed = 0;
        for (int count = 1; count <= processorCount; count++)
        {
            double speed = count * (1 - Math.Clamp(busyByOthers - (processorCount - count), 0, 1));
            if (speed > bestSpeed)
                (best, bestSpeed) = (count, speed);
        }

        return best;
    }

    private void Measure(TimeSpan passed)
    {
        ProcessorTimes? now = read();
        before = isFirstWindow ? 0 : current;
        current = Others(passed, now);
        isFirstWindow = false;
        last = now;
        readAt = clock.GetTimestamp();
    }

    private double Others(TimeSpan passed, ProcessorTimes? now) =>
        last is { } from && now is { } to ? Math.Max(0, (to.Busy - from.Busy - (to.Own - from.Own)) / passed) : 0;
}
