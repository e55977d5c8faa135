using System.Text;
using System.Text.Json;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using Tessera.Annotation;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Annotate;

/// <summary>Workers on a queue: what they do with good work, and with what somebody else puts there.</summary>
public sealed class QueueTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("lines.jsonl");

    [ToolFact(NatsServer.Program)]
    public async Task Pictures_are_sent_and_workers_see_no_file_outside_of_their_folder()
    {
        string pictures = folder.File("pictures");
        AnnotateRuns.Fill(pictures, 3);
        Directory.CreateDirectory(folder.File("root"));
        using var server = new NatsServer(folder.File("server"));
        using CliProcess worker = StartWorker(server, "--root", folder.File("root"));
        CliRun sent = await CollectAsync(server, pictures, "--send");
        Assert.Equal((0, ""), (sent.ExitCode, sent.Error));
        Assert.All(
            AnnotateRuns.Lines(Output),
            static line =>
            {
                Assert.True(line.TryGetProperty("answer", out _), line.ToString());
                Assert.Equal("language-f16.gguf", line.GetProperty("model").GetString());
            }
        );

        // Not even through a link, and without the bytes there is no other way.
        string link = folder.File("root/link");
        Directory.CreateSymbolicLink(link, pictures);
        File.Copy(Path.Combine(pictures, "000.png"), folder.File("root/inside.png"));
        File.Delete(Output);
        await File.WriteAllLinesAsync(
            folder.File("list"),
            [Path.Combine(link, "000.png"), folder.File("root/inside.png"), "http://a/b.png"]
        );
        CliRun named = await CollectAsync(server, folder.File("list"));
        Assert.Equal(0, named.ExitCode);
        JsonElement[] lines = [.. AnnotateRuns.Lines(Output).OrderBy(AnnotateRuns.PathOf, StringComparer.Ordinal)];
        Assert.Equal(3, lines.Length);
        Assert.True(lines[0].TryGetProperty("answer", out _));
        Assert.Contains("outside", lines[1].GetProperty("error").GetString());
        Assert.Contains("must be sent", lines[2].GetProperty("error").GetString());
    }

    [ToolFact(NatsServer.Program)]
    public async Task Hostile_messages_neither_stop_a_worker_nor_add_lines()
    {
        string pictures = folder.File("pictures");
        AnnotateRuns.Fill(pictures, 2);
        using var server = new NatsServer(folder.File("server"));
        // The worker makes the streams.
        using CliProcess worker = StartWorker(server);
        CliRun first = await CollectAsync(server, pictures);
        Assert.Equal(0, first.ExitCode);
        File.Delete(Output);

        await using var connection = new NatsConnection(server.Patient);
        var stream = new NatsJSContext(connection);
        string key = PathKey.Of("/etc/passwd").ToString();
        var bytes = new List<(string Subject, byte[] Data)>
        {
            ("tessera.job.evil", """{"prompt":"What?","sampling":{"max_tokens":-5,"temperature":"hot"}}"""u8.ToArray()),
            ("tessera.job.wrong", """{"prompt":null}"""u8.ToArray()),
            ("tessera.job.deep", Encoding.UTF8.GetBytes($$"""{"prompt":"?","schema":"{{new string('[', 10_000)}}"}""")),
            ($"tessera.work.evil.{key}", """{"path":"/etc/passwd","file":"/etc/passwd"}"""u8.ToArray()),
            ($"tessera.work.wrong.{key}", """{"path":"/etc/passwd","file":"/dev/zero"}"""u8.ToArray()),
            ($"tessera.work.deep.{key}", """{"path":"/etc/passwd","object":"no-such"}"""u8.ToArray()),
            ($"tessera.work.none.{key}", """{"path":"/etc/passwd"}"""u8.ToArray()),
            ($"tessera.work.x.{new string('0', 32)}", """{"path":"other key"}"""u8.ToArray()),
            ($"tessera.work.x.{key}", [0xFF, 0xFE, 0]),
            ("tessera.work.x.short", "{}"u8.ToArray()),
            ("tessera.work.%0a.key", new byte[900_000]),
            ("tessera.result.x.y", "no JSON"u8.ToArray()),
        };
        foreach ((string subject, byte[] data) in bytes)
            (await stream.PublishAsync(subject, data)).EnsureSuccess();
        CliRun second = await CollectAsync(server, pictures);
        Assert.Equal((0, ""), (second.ExitCode, second.Error));
        Assert.Equal(2, AnnotateRuns.Lines(Output).Length);
        await Patience.UntilAsync(async () => await CountAsync(stream) == 0, "the end of what is no work");
        worker.Signal(System.Runtime.InteropServices.PosixSignal.SIGTERM);
        CliRun ended = await worker.EndAsync();
        Assert.Equal((143, ""), (ended.ExitCode, ended.Error));
    }

    [ToolFact(NatsServer.Program)]
    public async Task A_lying_worker_cannot_choose_the_path_or_break_the_file()
    {
        string picture = AnnotateRuns.Fill(folder.File("pictures"), 1)[0];
        using var server = new NatsServer(folder.File("server"));
        Task<CliRun> collecting = CollectAsync(server, folder.File("pictures"));
        await using var connection = new NatsConnection(server.Patient);
        var stream = new NatsJSContext(connection);
        string? subject = null;
        await Patience.UntilAsync(async () => (subject = await FirstWorkAsync(stream)) is not null, "the work");
        string result = subject!.Replace("work", "result", StringComparison.Ordinal);
        await stream.PublishAsync(result, """{"path":"/etc/passwd","answer":"\n{\"path\":\"x\"}"}"""u8.ToArray());
        CliRun run = await collecting;
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement line = Assert.Single(AnnotateRuns.Lines(Output));
        Assert.Equal(picture, AnnotateRuns.PathOf(line));
        // The job is over, and nothing of it is left.
        Assert.Equal(0, await CountAsync(stream));
    }

    [Fact]
    public async Task A_server_that_is_none_is_said()
    {
        AnnotateRuns.Fill(folder.File("pictures"), 1);
        string url = "nats://user:secret@127.0.0.1:9";
        foreach (
            string[] command in (string[][])
                [
                    ["work", "--queue", url],
                    ["annotate", folder.File("pictures"), "--out", Output, "--queue", url],
                ]
        )
        {
            CliRun run = await CliRun.InProcessAsync(command);
            run.ShouldFail(1, "nats://127.0.0.1:9", "no NATS server");
            Assert.DoesNotContain("secret", run.Error, StringComparison.Ordinal);
        }

        (await CliRun.InProcessAsync("work", "--queue", "http://a")).ShouldFail(2, "--queue");
        (await CliRun.InProcessAsync("work", "--queue", "nats://a", "--queue-creds", folder.File("no"))).ShouldFail(1, "credentials");
        (await CliRun.InProcessAsync("work", "--queue", "nats://a", "--root", folder.File("no"))).ShouldFail(1, "--root");
        (await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--queue", "nats://a")).ShouldFail(2, "tessera work");
        (await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--send")).ShouldFail(2, "--queue");
    }

    private static CliProcess StartWorker(NatsServer server, params string[] more) =>
        CliProcess.Start(["work", "--queue", server.Url, .. more, .. AnnotateRuns.Model.SkipLast(2)]);

    private Task<CliRun> CollectAsync(NatsServer server, string source, params string[] more) =>
        CliRun.InProcessAsync(["annotate", source, "--queue", server.Url, "--max-tokens", "3", "--out", Output, .. more], []);

    private static async Task<long> CountAsync(NatsJSContext stream) => (await stream.GetStreamAsync("TESSERA_WORK")).Info.State.Messages;

    private static async Task<string?> FirstWorkAsync(NatsJSContext stream)
    {
        try
        {
            INatsJSStream work = await stream.GetStreamAsync("TESSERA_WORK", new StreamInfoRequest { SubjectsFilter = ">" });
            return work.Info.State.Subjects?.Keys.FirstOrDefault();
        }
        catch (NatsJSApiException)
        {
            return null;
        }
    }
}
