using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Tessera.Imaging;

namespace Tessera.Benchmarks;

/// <summary>What one resize took.</summary>
/// <param name="Wall">Time that passed.</param>
/// <param name="Processor">Time that the process was running on processors, the system's share included.</param>
internal readonly record struct ResampleTiming(TimeSpan Wall, TimeSpan Processor);

/// <summary>
/// The same resize by Tessera, libvips and Pillow in turn, one thread each, as a table of medians. Processor time is told beside wall time
/// because it means the same on a machine that others use too.
/// </summary>
internal static class ResampleTable
{
    private const int WarmUpCount = 30,
        DefaultRoundCount = 25;

    /// <param name="args">The number of rounds, or nothing.</param>
    public static int Run(string[] args)
    {
        int roundCount = args is [string rounds] ? int.Parse(rounds, CultureInfo.InvariantCulture) : DefaultRoundCount;
        RgbImage source = Resampling.CreateSource();
        using VipsResize vips = new(source);
        using PillowResize? pillow = PillowResize.TryStart(source, Resampling.Width, Resampling.Height);
        Subject[] subjects =
        [
            new("Tessera", () => Measure(() => ResizeOnOneThread(source))),
            new("libvips", () => Measure(() => vips.Run(Resampling.Width, Resampling.Height, threadCount: 1))),
            .. pillow is null ? Array.Empty<Subject>() : [new($"Pillow {pillow.Version}", pillow.Run)],
        ];
        for (int round = -WarmUpCount; round < roundCount; round++)
        {
            foreach (Subject subject in subjects)
            {
                ResampleTiming timing = subject.Run();
                if (round >= 0)
                    subject.Timings.Add(timing);
            }
        }

        Print(subjects);
        if (pillow is not null)
            Console.WriteLine(
                $"\nTessera's bytes {(Digest(ResizeOnOneThread(source)) == pillow.Digest ? "equal" : "DIFFER FROM")} Pillow's."
            );
        return 0;
    }

    private static RgbImage ResizeOnOneThread(RgbImage source) =>
        Resampler.Resize(source, Resampling.Width, Resampling.Height, ResampleFilter.Bicubic, new ResampleOptions(MaxThreads: 1));

    private static ResampleTiming Measure(Action action)
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        return new ResampleTiming(Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - processor);
    }

    private static void Print(Subject[] subjects)
    {
        Console.WriteLine(
            $"{Resampling.SourceWidth} x {Resampling.SourceHeight} to {Resampling.Width} x {Resampling.Height}, bicubic, one thread, "
                + $"medians of {subjects[0].Timings.Count} in turn\n"
        );
        Console.WriteLine("| by | processor time | least | wall time | Tessera's speed |\n|---|---:|---:|---:|---:|");
        double own = Median(subjects[0], static timing => timing.Processor);
        foreach (Subject subject in subjects)
        {
            double processor = Median(subject, static timing => timing.Processor);
            double least = subject.Timings.Min(static timing => timing.Processor).TotalMilliseconds;
            Console.WriteLine(
                $"| {subject.Name} | {processor:F1} ms | {least:F1} ms | {Median(subject, static timing => timing.Wall):F1} ms | "
                    + $"{processor / own:F2}x |"
            );
        }
    }

    private static double Median(Subject subject, Func<ResampleTiming, TimeSpan> part)
    {
        double[] sorted = [.. subject.Timings.Select(timing => part(timing).TotalMilliseconds).Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Digest(RgbImage image) => Convert.ToHexStringLower(SHA256.HashData(image.Pixels));

    private sealed record Subject(string Name, Func<ResampleTiming> Run)
    {
        public List<ResampleTiming> Timings { get; } = [];
    }
}
