using System.Text.Json;
using Tessera.Annotation;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Annotate;

/// <summary>What a kill leaves, another run goes on with: nothing is lost and nothing is done twice.</summary>
public sealed class ResumeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("lines.jsonl");

    [Fact]
    public async Task After_kills_each_picture_has_one_line()
    {
        string[] pictures = AnnotateRuns.Fill(folder.File("pictures"), 60);
        string[] arguments =
        [
            "annotate",
            .. AnnotateRuns.Model,
            folder.File("pictures"),
            "--out",
            Output,
            "--resume",
            "--threads",
            "1",
            "--parallel",
            "2",
        ];
        for (int kill = 1; kill <= 3; kill++)
        {
            using CliProcess process = CliProcess.Start(arguments);
            await Patience.UntilAsync(() => LineCount() >= 8 * kill, $"line {8 * kill}");
        }

        // As if the last one had been killed within a line.
        await File.AppendAllTextAsync(Output, """{"path":"/pict""");
        CliRun run = await CliProcess.RunAsync(arguments);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement[] lines = AnnotateRuns.Lines(Output);
        Assert.Equal(pictures, lines.Select(AnnotateRuns.PathOf).Order());
        Assert.All(lines, static line => Assert.True(line.TryGetProperty("answer", out _)));
    }

    [Fact]
    public async Task A_file_that_is_there_is_not_overwritten()
    {
        await File.WriteAllTextAsync(Output, "mine");
        AnnotateRuns.Fill(folder.File("pictures"), 1);
        (await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output)).ShouldFail(1, Output, "--resume");
        (await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--resume")).ShouldFail(1, Output, "line 1");
        Assert.Equal("mine", await File.ReadAllTextAsync(Output));
    }

    [Fact]
    public async Task Lines_of_another_question_are_not_gone_on_with()
    {
        string pictures = folder.File("pictures"),
            schema = folder.File("schema.json");
        AnnotateRuns.Fill(pictures, 1);
        await File.WriteAllTextAsync(schema, """{"enum":["a","b"]}""");
        Assert.Equal(0, (await AnnotateRuns.RunAsync(pictures, "--out", Output, "--prompt", "What?")).ExitCode);
        string before = await File.ReadAllTextAsync(Output);
        string[] again = [pictures, "--out", Output, "--resume", "--prompt"];
        (await AnnotateRuns.RunAsync([.. again, "Who?"])).ShouldFail(1, "line 1 answers another question", "--out");
        (await AnnotateRuns.RunAsync([.. again, "What?", "--system", "Be rude."])).ShouldFail(1, "line 1 answers another question");
        (await AnnotateRuns.RunAsync([.. again, "What?", "--schema", schema])).ShouldFail(1, "line 1 answers another question");
        Assert.Equal(before, await File.ReadAllTextAsync(Output));
        AnnotateRuns.Fill(pictures, 2);
        Assert.Equal(0, (await AnnotateRuns.RunAsync([.. again, "What?", "--seed", "7"])).ExitCode);
        Assert.Equal(2, AnnotateRuns.Lines(Output).Length);
        // Lines of who wrote none, as before, are any question's.
        await File.WriteAllTextAsync(Output, """{"path":"elsewhere","error":"no"}""" + "\n");
        Assert.Equal(0, (await AnnotateRuns.RunAsync([.. again, "Who?"])).ExitCode);
    }

    [Fact]
    public void Two_never_write_the_same_file()
    {
        using var first = AnnotationFile.Resume(Output);
        Assert.True(first.Append(AnnotationLine.Failed("a", "no")));
        Assert.False(first.Append(AnnotationLine.Failed("a", "again")));
        // Within one process, Linux's locks do not tell two openings apart.
        if (!OperatingSystem.IsLinux())
            Assert.Throws<TesseraException>(() => AnnotationFile.Resume(Output));
        using var reader = new StreamReader(new FileStream(Output, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        Assert.Equal("""{"path":"a","error":"no"}""" + "\n", reader.ReadToEnd());
    }

    [Fact]
    public void A_full_disk_is_said_and_leaves_whole_lines()
    {
        using var stream = new FullDisk(room: 60);
        using var file = AnnotationFile.Over(stream, "lines.jsonl");
        Assert.True(file.Append(AnnotationLine.Failed("a", "no")));
        var failure = Assert.Throws<TesseraException>(() => file.Append(AnnotationLine.Failed("b", new string('n', 100))));
        Assert.Equal("lines.jsonl: it cannot be written (No space left on device); 1 lines in it are whole.", failure.Message);
        Assert.Equal("""{"path":"a","error":"no"}""" + "\n", System.Text.Encoding.UTF8.GetString(stream.ToArray()));
    }

    private sealed class FullDisk(int room) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            int fits = (int)Math.Min(buffer.Length, room - Position);
            base.Write(buffer[..fits]);
            if (fits < buffer.Length)
                throw new IOException("No space left on device");
        }
    }

    private int LineCount() => File.Exists(Output) ? File.ReadAllBytes(Output).Count(static value => value == '\n') : 0;
}
