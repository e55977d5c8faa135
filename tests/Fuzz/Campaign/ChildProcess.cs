using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Tessera.Fuzz.Campaign;

/// <summary>How a child process ended.</summary>
internal enum ChildEnd
{
    Finished,
    Crashed,
    Hung,
    OverMemory,
    DidNotStart,
}

/// <summary>What became of a child process.</summary>
/// <param name="End">How it ended.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Found">The numbers of inputs that met an exception which is not documented, and that exception.</param>
/// <param name="Error">The last lines of its standard error.</param>
/// <param name="PeakBytes">The most memory that it was seen with.</param>
/// <param name="PeakIndex">The input that it was at then.</param>
internal sealed record ChildReport(
    ChildEnd End,
    int ExitCode,
    IReadOnlyList<(long Index, string Problem)> Found,
    string Error,
    long PeakBytes,
    long PeakIndex
);

/// <summary>Runs this program as a child that tries inputs, and ends it when an input takes too long or too much memory.</summary>
internal static class ChildProcess
{
    public const long MemoryLimit = 1L << 30;
    private const int ErrorLength = 4_000;

    // An input hangs when it has taken this long, most of it at work; one that only waits, on a busy machine, is given more.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10),
        WorkPatience = TimeSpan.FromSeconds(6),
        WaitPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <param name="arguments">What the child is to do (<see cref="FuzzProgram"/>).</param>
    /// <param name="progress">Where it says what it is at.</param>
    /// <param name="deadline">When it is told to stop.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    public static async Task<ChildReport> RunAsync(
        IReadOnlyList<string> arguments,
        ProgressFile progress,
        DateTime deadline,
        CancellationToken cancellationToken
    )
    {
        using Process process = Process.Start(StartInfo(arguments))!;
        var found = new List<(long, string)>();
        Task output = ReadFoundAsync(process.StandardOutput, found);
        Task<string> error = ReadEndAsync(process.StandardError);
        long peak = 0,
            peakIndex = 0,
            beat = 0;
        var since = Stopwatch.StartNew();
        TimeSpan workBefore = TimeSpan.Zero;
        ChildEnd end = ChildEnd.Finished;
        while (!process.HasExited)
        {
            if (progress.Beat != beat)
            {
                (beat, workBefore) = (progress.Beat, WorkOf(process));
                since.Restart();
            }

            if (DateTime.UtcNow > deadline)
                progress.IsStopped = true;
            if (BytesOf(process) is var bytes && bytes > peak)
                (peak, peakIndex) = (bytes, progress.Index);
            if (peak > MemoryLimit)
                end = ChildEnd.OverMemory;
            else if (Hangs(beat, since.Elapsed, WorkOf(process) - workBefore))
                end = ChildEnd.Hung;
            if (end != ChildEnd.Finished || cancellationToken.IsCancellationRequested)
                break;
            await Task.Delay(Poll, CancellationToken.None);
        }

        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync(CancellationToken.None);
        await output;
        cancellationToken.ThrowIfCancellationRequested();
        if (end == ChildEnd.Finished && process.ExitCode != 0)
            end = progress.Beat == 0 ? ChildEnd.DidNotStart : ChildEnd.Crashed;
        return new ChildReport(end, process.ExitCode, found, await error, peak, peakIndex);
    }

    private static bool Hangs(long beat, TimeSpan elapsed, TimeSpan work) =>
        beat == 0 ? elapsed > StartPatience : elapsed > WaitPatience || (elapsed > Patience && work > WorkPatience);

    private static ProcessStartInfo StartInfo(IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(ChildProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The collector keeps no more than is allowed, so that what is over it belongs to the input that asked for it.
        start.Environment["DOTNET_gcConcurrent"] = "0";
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x38000000";
        // Without it, ggml calls a debugger to print where it was.
        start.Environment["GGML_NO_BACKTRACE"] = "1";
        return start;
    }

    private static TimeSpan WorkOf(Process process)
    {
        try
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
        catch (Exception failure) when (failure is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return TimeSpan.Zero;
        }
    }

    private static long BytesOf(Process process)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
                return process.WorkingSet64;
            // Pages, of which the second number is those in memory.
            string[] pages = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/statm")).Split(' ');
            return long.Parse(pages[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException)
        {
            return 0;
        }
    }

    private static async Task ReadFoundAsync(StreamReader output, List<(long, string)> found)
    {
        while (await output.ReadLineAsync() is string line)
        {
            string[] parts = line.Split('\t', 3);
            if (parts is ["found", var number, var problem])
                found.Add((long.Parse(number, CultureInfo.InvariantCulture), problem));
        }
    }

    private static async Task<string> ReadEndAsync(StreamReader error)
    {
        var text = new StringBuilder();
        while (await error.ReadLineAsync() is string line)
        {
            text.AppendLine(line);
            if (text.Length > 2 * ErrorLength)
                text.Remove(ErrorLength / 2, text.Length - ErrorLength - (ErrorLength / 2));
        }

        return text.ToString();
    }
}
