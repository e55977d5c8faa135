using Tessera.Native;

namespace Tessera.Compute.Threads;

/// <summary>
/// With how many threads a kind of work runs: as many as its user said, or else, for each size of the work, as many as pay, by what
/// <see cref="ThreadTuner"/> has learned and <see cref="ProcessorLoad"/> sees. For one thread at a time.
/// </summary>
internal sealed class WorkThreads
{
    private readonly int wanted;
    private readonly ProcessorLoad load;
    private readonly ThreadTuner[] tuners;

    /// <param name="wanted">The count that the user wants; 0 for as many as pay.</param>
    /// <param name="sizeCount">Sizes that are told apart.</param>
    /// <param name="load">What other programs leave.</param>
    public WorkThreads(int wanted, int sizeCount, ProcessorLoad load)
    {
        this.wanted = wanted;
        this.load = load;
        Most = wanted > 0 ? wanted : Math.Min(Environment.ProcessorCount, GgmlThreads.GGML_MAX_N_THREADS);
        tuners = [.. Enumerable.Range(0, sizeCount).Select(_ => new ThreadTuner(Most))];
    }

    /// <summary>The count that the user wants; 0 for as many as pay.</summary>
    public int Wanted => wanted;

    /// <summary>The most threads that are ever used.</summary>
    public int Most { get; }

    /// <summary>The count for the next step, whose time <see cref="Add"/> is to be told.</summary>
    /// <param name="size">Which of the sizes it has.</param>
    /// <param name="expectedSeconds">What it may take on one thread.</param>
    public int Choose(int size, double expectedSeconds) =>
        wanted > 0
            ? wanted
            : Math.Min(
                ProcessorTurn.Share,
                tuners[size].Choose(ProcessorLoad.RoomFor(Most, load.BusyByOthers()), !OpenMpRuntime.WaitsAsleep, expectedSeconds)
            );

    /// <summary>Tells what a step took that ran to its end. One that shared the processors says nothing about the next.</summary>
    /// <param name="size">Which of the sizes it had.</param>
    /// <param name="count">Its threads.</param>
    /// <param name="elapsed">Its time.</param>
    /// <param name="units">How much was done, in a measure by which times of one size can be compared.</param>
    public void Add(int size, int count, TimeSpan elapsed, double units = 1)
    {
        if (wanted == 0 && units > 0 && !ProcessorTurn.IsShared)
            tuners[size].Add(count, elapsed.TotalSeconds, units);
    }
}
