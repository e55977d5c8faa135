using System.Globalization;
using System.Text.Json;
using Tessera.Cli.Tests.Support;
using Xunit.Abstractions;

namespace Tessera.Cli.Tests.Annotate;

/// <summary>Workers, the collector and the server are killed in turn, and each picture has one line all the same.
/// TESSERA_QUEUE_KILLS says how often.</summary>
public sealed class QueueKillTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly int kills = int.Parse(Environment.GetEnvironmentVariable("TESSERA_QUEUE_KILLS") ?? "4", CultureInfo.InvariantCulture);

    public void Dispose() => folder.Dispose();

    [ToolFact(NatsServer.Program)]
    public async Task Whatever_is_killed_each_picture_has_one_line()
    {
        string lines = folder.File("lines.jsonl");
        string[] pictures = AnnotateRuns.Fill(folder.File("pictures"), 40 * kills);
        string bad = Path.Combine(folder.File("pictures"), "bad.jpg");
        await File.WriteAllTextAsync(bad, "no picture");
        using var server = new NatsServer(folder.File("server"));
        string[] work = ["work", "--queue", server.Url, "--ack-wait", "1", "--parallel", "2", .. AnnotateRuns.Model.SkipLast(2)];
        string[] collect = ["annotate", folder.File("pictures"), "--queue", server.Url, "--max-tokens", "3", "--out", lines, "--resume"];
        CliProcess[] running = [CliProcess.Start(work), CliProcess.Start(work), CliProcess.Start(collect)];
        try
        {
            for (int kill = 0; kill < kills; kill++)
            {
                await WaitForAsync(lines, 25 * kill);
                switch (kill % 4)
                {
                    case 0 or 2:
                        running[kill % 4 / 2].Dispose();
                        running[kill % 4 / 2] = CliProcess.Start(work);
                        break;
                    case 1:
                        running[2].Dispose();
                        running[2] = CliProcess.Start(collect);
                        break;
                    default:
                        server.KillAndRestart();
                        break;
                }
            }

            CliRun run = await running[2].EndAsync();
            Assert.True(run.ExitCode == 0, run.Error);
        }
        finally
        {
            foreach (CliProcess process in running)
                process.Dispose();
        }

        JsonElement[] collected = AnnotateRuns.Lines(lines);
        output.WriteLine($"{kills} kills, {collected.Length} lines");
        Assert.Equal(
            [.. pictures.Append(bad).Order(StringComparer.Ordinal)],
            collected.Select(AnnotateRuns.PathOf).Order(StringComparer.Ordinal)
        );
        Assert.Equal(bad, AnnotateRuns.PathOf(Assert.Single(collected, static line => line.TryGetProperty("error", out _))));
        Assert.Single(
            collected
                .Where(static line => line.TryGetProperty("answer", out _))
                .Select(static line => line.GetProperty("answer").GetString())
                .Distinct()
        );
    }

    private static async Task WaitForAsync(string path, int count)
    {
        await Patience.UntilAsync(
            async () => File.Exists(path) && (await File.ReadAllBytesAsync(path)).Count(static value => value == '\n') >= count,
            $"line {count}"
        );
    }
}
