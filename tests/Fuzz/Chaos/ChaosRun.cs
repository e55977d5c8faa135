using System.Diagnostics;
using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Fuzz.Chaos;

/// <summary>
/// Kills every command that writes at random moments, and runs it where the disk is full and where nothing may be written: what was
/// there stays, nothing is half written, and the next run works.
/// </summary>
internal sealed class ChaosRun : IDisposable
{
    // What files are called until they are whole.
    private const string HalfWritten = "*.tmp";
    private readonly TemporaryFolder folder = new();
    private readonly Random random;
    private int rounds,
        problems;

    private ChaosRun(int seed) => random = new Random(seed);

    public static async Task<int> RunAsync(int rounds, int seed, CancellationToken cancellationToken)
    {
        using var run = new ChaosRun(seed);
        foreach (WritingCommand command in WritingCommand.All)
        {
            await run.KillAsync(command, rounds, cancellationToken);
            await run.RefuseAsync(command, "full disk", "size=4k");
            await run.RefuseAsync(command, "read-only folder", "ro");
        }

        Console.WriteLine($"{run.rounds} rounds, {run.problems} problems");
        return run.problems == 0 ? 0 : 1;
    }

    public void Dispose() => folder.Dispose();

    private async Task KillAsync(WritingCommand command, int count, CancellationToken cancellationToken)
    {
        string target = FreshTarget(command, "undisturbed");
        long start = Stopwatch.GetTimestamp();
        ProgramRun undisturbed = await command.RunAsync(target);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        if (undisturbed.ExitCode != 0)
            Report(command, "undisturbed", undisturbed.Error);
        int killed = 0,
            midway = 0;
        for (int round = 0; round < count && !cancellationToken.IsCancellationRequested; round++)
        {
            target = FreshTarget(command, Text(round));
            // Every other one meets a file of an earlier run.
            byte[]? before = round % 2 == 0 ? null : await PlaceOlderAsync(command, target);
            string place = Path.GetDirectoryName(target)!;
            TimeSpan after = time * (0.1 + (random.NextDouble() * 1.1));
            ProgramRun run = await command.RunAsync(
                target,
                round % 4 < 2 ? stop => Task.Delay(after, stop) : stop => UntilItWritesAsync(place, random.Next(2_000), stop)
            );
            if (run.ExitCode == 137)
                killed++;
            if (IsHalfWritten(place))
                midway++;
            rounds++;
            if (await command.Problem(target, before) is string problem)
                Report(command, "killed", problem);
            ProgramRun next = await command.RunAsync(target);
            if (next.ExitCode != 0)
                Report(command, "the run after a kill", next.Error);
            if (IsHalfWritten(place))
                Report(command, "the run after a kill", "it leaves what the killed one left");
            Directory.Delete(place, recursive: true);
        }

        Console.WriteLine($"{command.Name}: {killed} of {count} killed, {midway} of them in the middle of a file");
    }

    private static bool IsHalfWritten(string place) => Directory.EnumerateFiles(place, HalfWritten, SearchOption.AllDirectories).Any();

    // In microseconds after it has begun: a file is written within a few milliseconds.
    private static async Task UntilItWritesAsync(string place, int microseconds, CancellationToken cancellationToken)
    {
        await Task.Yield();
        while (!IsHalfWritten(place))
            cancellationToken.ThrowIfCancellationRequested();
        long seen = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(seen).TotalMicroseconds < microseconds)
            Thread.SpinWait(20);
    }

    // A small file system in memory, which only root may make.
    private async Task RefuseAsync(WritingCommand command, string what, string options)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            Console.WriteLine($"{command.Name}, {what}: skipped, it needs a file system that only root may mount");
            return;
        }

        string place = Directory.CreateDirectory(folder.File("mount")).FullName;
        if (!await MountAsync("mount", "-t", "tmpfs", "-o", options, "tmpfs", place))
        {
            Console.WriteLine($"{command.Name}, {what}: skipped, nothing can be mounted here");
            return;
        }

        try
        {
            ProgramRun run = await command.RunAsync(Path.Combine(place, command.Target));
            rounds++;
            bool isCache = command.Target == "cache";
            // Trouble with a cache's disk fails no answer; a chat says that it was not saved and goes on.
            bool isSaid =
                isCache || command.Name.StartsWith("chat", StringComparison.Ordinal) ? run.ExitCode == 0 || run.IsRefusal : run.IsRefusal;
            if (!isSaid)
                Report(command, what, $"exit code {run.ExitCode}, {run.Out} {run.Error}");
            string[] left = Directory.GetFiles(place, "*", SearchOption.AllDirectories);
            if (left.Length > 0 && !isCache)
                Report(command, what, $"it leaves {string.Join(", ", left)}");
        }
        finally
        {
            await MountAsync("umount", place);
        }
    }

    private static async Task<bool> MountAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }

    private static async Task<byte[]?> PlaceOlderAsync(WritingCommand command, string target)
    {
        await command.RunAsync(target);
        return File.Exists(target) ? await File.ReadAllBytesAsync(target) : null;
    }

    private string FreshTarget(WritingCommand command, string name) =>
        Path.Combine(Directory.CreateDirectory(folder.File(name)).FullName, command.Target);

    private void Report(WritingCommand command, string what, string problem)
    {
        problems++;
        Console.WriteLine($"{command.Name}, {what}: {problem.Trim()}");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
