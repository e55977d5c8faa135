using System.Diagnostics;
using System.Globalization;
using Tessera.Fuzz.Kinds;

namespace Tessera.Fuzz.Campaign;

/// <summary>What a campaign is to do.</summary>
/// <param name="Seed">The same seed gives the same inputs.</param>
/// <param name="First">Number of the first input of each kind.</param>
/// <param name="Count">The most inputs of each kind.</param>
/// <param name="Time">The most time for each kind.</param>
internal sealed record CampaignOptions(int Seed, long First, long Count, TimeSpan Time);

/// <summary>Tries inputs of one kind in child processes, and goes on behind the input that ended one.</summary>
internal sealed class Campaign(CampaignOptions options, FoundFolder found, Action<string> say)
{
    // A kind that ends its process each time would take the whole time for few inputs, and says no more than this many.
    private const int MostEnds = 1_000;

    public async Task<KindResult> RunAsync(string kind, CancellationToken cancellationToken)
    {
        var result = new KindResult(kind);
        var time = Stopwatch.StartNew();
        DateTime deadline = DateTime.UtcNow + options.Time;
        using var folder = new FastFolder();
        using var progress = new ProgressFile(folder.File("progress"));
        long next = options.First,
            end = options.First + options.Count;
        for (int ends = 0; next < end && DateTime.UtcNow < deadline && ends < MostEnds; ends++)
        {
            progress.Reset();
            string files = Directory.CreateDirectory(folder.File(Text(ends))).FullName;
            ChildReport child = await ChildProcess.RunAsync(
                ["worker", kind, Text(options.Seed), Text(next), Text(end), folder.File("progress"), files],
                progress,
                deadline,
                cancellationToken
            );
            foreach ((long index, string problem) in child.Found)
                Keep(kind, index, File.ReadAllBytes(Worker.FileOf(files, index)), problem);
            Count(result, child, progress);
            if (child.End == ChildEnd.Finished)
                break;
            if (child.End == ChildEnd.DidNotStart)
                throw new InvalidOperationException($"The child for {kind} does not start: {child.Error}");
            long last =
                progress.Index == ProgressFile.Nothing
                    ? next + progress.Accepted + progress.Refused + progress.Undocumented
                    : progress.Index;
            if (FuzzKinds.HasTrial(kind) && await ReplayAsync(kind, progress.Input, cancellationToken) is null)
            {
                result.Tried++;
            }
            else
            {
                CountEnd(result, child.End);
                Keep(kind, last, progress.Input, Describe(child));
            }

            next = last + 1;
            Directory.Delete(files, recursive: true);
        }

        result.Time = time.Elapsed;
        return result;
    }

    /// <summary>Tries one saved input in a child process; null if it does no harm.</summary>
    public static async Task<string?> ReplayAsync(string kind, string file, CancellationToken cancellationToken)
    {
        using var folder = new FastFolder();
        using var progress = new ProgressFile(folder.File("progress"));
        progress.Reset();
        string files = Directory.CreateDirectory(folder.File("files")).FullName;
        ChildReport child = await ChildProcess.RunAsync(
            ["replay-one", kind, Path.GetFullPath(file), folder.File("progress"), files],
            progress,
            DateTime.MaxValue,
            cancellationToken
        );
        if (child.End == ChildEnd.DidNotStart)
            throw new InvalidOperationException($"The child for {kind} does not start: {child.Error}");
        return child.End != ChildEnd.Finished ? Describe(child)
            : child.Found.Count > 0 ? child.Found[0].Problem
            : null;
    }

    private static void Count(KindResult result, ChildReport child, ProgressFile progress)
    {
        result.Accepted += progress.Accepted;
        result.Refused += progress.Refused;
        result.Undocumented += progress.Undocumented;
        if (child.PeakBytes > result.PeakBytes)
            (result.PeakBytes, result.PeakIndex) = (child.PeakBytes, child.PeakIndex);
    }

    private static void CountEnd(KindResult result, ChildEnd end)
    {
        if (end == ChildEnd.Crashed)
            result.Crashes++;
        if (end == ChildEnd.Hung)
            result.Hangs++;
        if (end == ChildEnd.OverMemory)
            result.OverMemory++;
    }

    private static async Task<string?> ReplayAsync(string kind, byte[] input, CancellationToken cancellationToken)
    {
        using var folder = new FastFolder();
        await File.WriteAllBytesAsync(folder.File("input"), input, cancellationToken);
        return await ReplayAsync(kind, folder.File("input"), cancellationToken);
    }

    private void Keep(string kind, long index, byte[] input, string what)
    {
        if (found.Save(kind, options.Seed, index, input, what) is string file)
            say($"{kind} {index}: {what}\n  {file}");
    }

    private static string Describe(ChildReport child) =>
        child.End switch
        {
            ChildEnd.Hung => "hangs",
            ChildEnd.OverMemory => $"takes more than {ChildProcess.MemoryLimit >> 20} MB",
            _ => $"ends its process with {child.ExitCode}: {Reason(child.Error)}",
        };

    // The line with the assertion, or where in native code it was.
    private static string Reason(string error)
    {
        string[] lines = [.. error.Split('\n').Select(static line => line.Trim()).Where(static line => line.Length > 0)];
        string? said = lines.FirstOrDefault(static line =>
            line.Contains("ASSERT", StringComparison.Ordinal)
            || line.Contains("terminate", StringComparison.Ordinal)
            || line.StartsWith("Fatal", StringComparison.Ordinal)
            || line.StartsWith("Unhandled", StringComparison.Ordinal)
        );
        string? place = lines.FirstOrDefault(static line => line.StartsWith("at Tessera.", StringComparison.Ordinal));
        string? what = lines.FirstOrDefault(static line => line.StartsWith("what()", StringComparison.Ordinal));
        return string.Join(" | ", new[] { said ?? lines.LastOrDefault(), what, place }.Where(static line => line is not null));
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
