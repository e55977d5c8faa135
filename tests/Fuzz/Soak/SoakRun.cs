using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Tessera.Fuzz.Campaign;

namespace Tessera.Fuzz.Soak;

/// <summary>
/// Chats, forks, cancelled and repeated answers, saved and loaded chats, and disposals, several at once for as long as one likes. At
/// temperature 0 the logits of every token are those that they were alone, but for rounding, and memory stays as it was after a while.
/// </summary>
internal sealed partial class SoakRun : IDisposable
{
    private const long Tolerance = 64L << 20;

    // A model lives this long; then it is disposed with answers running.
    private static readonly TimeSpan ModelLife = TimeSpan.FromSeconds(20);
    private readonly FastFolder folder = new();
    private readonly int seed,
        atOnce;
    private int disposals;
    private long files;

    private SoakRun(int seed, int atOnce) => (this.seed, this.atOnce) = (seed, atOnce);

    public static async Task<int> RunAsync(double minutes, int seed, int atOnce, CancellationToken cancellationToken)
    {
        using var run = new SoakRun(seed, atOnce);
        return await run.RunAsync(TimeSpan.FromMinutes(minutes), cancellationToken);
    }

    public void Dispose() => folder.Dispose();

    private async Task<int> RunAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        IReadOnlyList<SoakModel> models = await SoakModel.PrepareAsync(folder, seed);
        var clock = Stopwatch.StartNew();
        // Of each model, since they are not of one size.
        long[] settled = new long[models.Count],
            last = new long[models.Count];
        for (int life = 0; (clock.Elapsed < time || life < models.Count) && !cancellationToken.IsCancellationRequested; life++)
        {
            int index = life % models.Count;
            await LiveAsync(models[index], life, ModelLife, cancellationToken);
            last[index] = MemoryInUse();
            // What grows at first are caches that have a bound, and the runtime's own.
            if (clock.Elapsed < time / 3 || settled[index] == 0)
                settled[index] = last[index];
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{clock.Elapsed:hh\\:mm\\:ss}  {models.Sum(static model => model.Counts.Comparisons)} answers compared, "
                        + $"{last[index] >> 20} MB"
                )
            );
        }

        foreach (SoakModel model in models)
            Console.WriteLine($"{model.Name}:\n{model.Counts}");
        bool isFlat = models.Select((_, index) => last[index] < settled[index] + Tolerance).All(static flat => flat);
        Console.WriteLine(
            $"{disposals} models disposed while they answered; memory {settled.Max() >> 20} MB after a third of the time, "
                + $"{last.Max() >> 20} MB at the end: {(isFlat ? "flat" : "it grows")}"
        );
        return models.All(static model => model.Counts.Failures == 0) && isFlat ? 0 : 1;
    }

    private async Task LiveAsync(SoakModel soaked, int life, TimeSpan time, CancellationToken cancellationToken)
    {
        MultimodalModel model = await MultimodalModel.LoadAsync(soaked.Options, cancellationToken: cancellationToken);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] users =
        [
            .. Enumerable
                .Range(0, atOnce)
                .Select(user => new SoakUser(soaked, model, NewFile, new Random(HashCode.Combine(seed, life, user))))
                .Select(user => Task.Run(() => user.UseAsync(end.Token), CancellationToken.None)),
        ];
        // Disposed under those that are answering.
        await Task.Delay(time, CancellationToken.None);
        await end.CancelAsync();
        Interlocked.Increment(ref disposals);
        await model.DisposeAsync();
        await Task.WhenAll(users);
    }

    private string NewFile() => folder.File(string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref files)}.chat"));

    private static long MemoryInUse()
    {
        GC.Collect();
        GiveBack();
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }

    // glibc keeps what was freed, for each thread's own use: with 16 arenas, that would be most of what is measured.
    private static void GiveBack()
    {
        try
        {
            if (OperatingSystem.IsLinux())
                _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl keeps nothing.
        }
    }

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);
}
