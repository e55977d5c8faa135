using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Annotate;

/// <summary><c>tessera annotate</c>: a line for each picture, whatever happens.</summary>
public sealed class AnnotateTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("lines.jsonl");

    [Fact]
    public async Task Each_picture_has_one_line_and_a_bad_one_says_why()
    {
        string[] pictures = AnnotateRuns.Fill(folder.File("pictures"), 6);
        string bad = Path.Combine(folder.File("pictures"), "003.jpg");
        await File.WriteAllTextAsync(bad, "no picture");
        await File.WriteAllTextAsync(Path.Combine(folder.File("pictures"), "notes.txt"), "no picture, and called none");
        CliRun run = await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--prompt", "What is {name}?");
        Assert.Equal((0, $"1 lines of {Output} say why there is no answer.\n"), (run.ExitCode, run.Error));
        Assert.StartsWith($"{Output}: 7 pictures in ", run.Out, StringComparison.Ordinal);

        JsonElement[] lines = AnnotateRuns.Lines(Output);
        Assert.Equal([.. pictures.Append(bad).Order()], lines.Select(AnnotateRuns.PathOf).Order());
        foreach (JsonElement line in lines.Where(line => AnnotateRuns.PathOf(line) != bad))
        {
            string[] names = [.. line.EnumerateObject().Select(static member => member.Name)];
            Assert.Equal(
                ["path", "answer", "finish_reason", "prompt_tokens", "image_tokens", "completion_tokens", "timings", "asked"],
                names
            );
            Assert.Equal(16, line.GetProperty("image_tokens").GetInt32());
        }

        Assert.Contains("not a picture", lines.Single(line => AnnotateRuns.PathOf(line) == bad).GetProperty("error").GetString());
    }

    [Fact]
    public async Task Answers_are_those_of_ask()
    {
        string[] pictures = AnnotateRuns.Fill(folder.File("pictures"), 3);
        Assert.Equal(0, (await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--prompt", "What?")).ExitCode);
        CliRun asked = await CliRun.AskGoldenAsync("-i", pictures[0], "--max-tokens", "4", "What?");
        Assert.All(
            AnnotateRuns.Lines(Output),
            line => Assert.Equal(asked.Out.TrimEnd('\n'), line.GetProperty("answer").GetString()!.TrimEnd('\n'))
        );
    }

    [Fact]
    public async Task The_same_picture_is_encoded_once()
    {
        string picture = Goldens.Picture("wide");
        string list = folder.File("list.txt");
        Directory.CreateDirectory(folder.File("copies"));
        string[] copies = [.. Enumerable.Range(0, 5).Select(index => folder.File($"copies/{index}.png"))];
        foreach (string copy in copies)
            File.Copy(picture, copy);
        await File.WriteAllLinesAsync(list, [.. copies, "", copies[0]]);
        CliRun run = await AnnotateRuns.RunAsync(list, "--out", Output, "--parallel", "1");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement[] lines = AnnotateRuns.Lines(Output);
        Assert.Equal(copies.Order(), lines.Select(AnnotateRuns.PathOf).Order());
        // Those that wait for the same encoding have its time; whoever comes later has none, and all have the same answer.
        Assert.Single(lines.Select(static line => line.GetProperty("answer").GetString()).Distinct());
        Assert.True(
            lines
                .Select(static line => line.GetProperty("timings").GetProperty("encode_ms").GetDouble())
                .Where(static ms => ms > 0)
                .Distinct()
                .Count() == 1
        );
    }

    [Fact]
    public async Task A_schema_gives_objects_and_a_table_has_their_members()
    {
        string schema = folder.File("schema.json"),
            table = folder.File("table.csv");
        await File.WriteAllTextAsync(
            schema,
            """{"type":"object","properties":{"kind":{"enum":["a, b","c"]},"count":{"enum":[1,2]}},"required":["kind","count"]}"""
        );
        AnnotateRuns.Fill(folder.File("pictures"), 2);
        string[] model = [.. AnnotateRuns.Model.SkipLast(2)];
        CliRun run = await CliRun.InProcessAsync(
            ["annotate", .. model, folder.File("pictures"), "--schema", schema, "--out", Output, "--csv", table],
            []
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.All(
            AnnotateRuns.Lines(Output),
            static line => Assert.InRange(line.GetProperty("object").GetProperty("count").GetInt32(), 1, 2)
        );
        string[] rows = await File.ReadAllLinesAsync(table);
        Assert.Equal(3, rows.Length);
        Assert.Equal("path,answer,kind,count,error,finish_reason,prompt_tokens,image_tokens,completion_tokens", rows[0]);
        Assert.All(rows[1..], static row => Assert.Matches(@"\.png,,(""a, b""|c),[12],,stop,\d+,16,\d+$", row));
    }

    [Fact]
    public async Task Standard_output_takes_the_lines_and_standard_input_names_the_pictures()
    {
        string[] pictures = AnnotateRuns.Fill(folder.File("pictures"), 2);
        byte[] list = System.Text.Encoding.UTF8.GetBytes(string.Join("\r\n", pictures));
        CliRun run = await CliProcess.RunAsync(["annotate", .. AnnotateRuns.Model, "-", "--out", "-"], list);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        string[] lines = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(pictures, lines.Select(static line => AnnotateRuns.PathOf(JsonElement.Parse(line))).Order());
    }

    [ToolFact("pdftoppm")]
    public async Task Pages_of_PDF_files_are_pictures()
    {
        string pictures = folder.File("pictures");
        AnnotateRuns.Fill(pictures, 1);
        string pdf = Path.Combine(pictures, "report.pdf"),
            broken = Path.Combine(pictures, "broken.pdf");
        await File.WriteAllBytesAsync(pdf, MadePdf.Write(300, "ONE", "TWO"));
        await File.WriteAllTextAsync(broken, "%PDF-1.4\nnothing");
        (await AnnotateRuns.RunAsync(pdf, "--out", Output)).ShouldFail(2, "--pdf");
        CliRun run = await AnnotateRuns.RunAsync(pictures, "--pdf", "--out", Output);
        Assert.Equal(0, run.ExitCode);
        JsonElement[] lines = AnnotateRuns.Lines(Output);
        Assert.Equal(
            ["000.png", "broken.pdf", "report.pdf#1", "report.pdf#2"],
            lines.Select(line => Path.GetFileName(AnnotateRuns.PathOf(line))).Order()
        );
        Assert.Single(lines, static line => line.TryGetProperty("error", out _));
    }

    [Fact]
    public async Task Json_tells_about_the_run()
    {
        AnnotateRuns.Fill(folder.File("pictures"), 1);
        CliRun run = await AnnotateRuns.RunAsync(folder.File("pictures"), "--out", Output, "--json");
        Assert.Equal(["out", "pictures", "failed", "resumed", "seconds"], run.Json.EnumerateObject().Select(static member => member.Name));
    }

    [Fact]
    public async Task Watching_asks_about_what_comes_and_ends_when_interrupted()
    {
        string pictures = folder.File("pictures");
        AnnotateRuns.Fill(pictures, 1);
        using var stop = new CancellationTokenSource(Patience.Limit);
        Task<CliRun> run = CliRun.InProcessAsync(["annotate", .. AnnotateRuns.Model, pictures, "--watch", "--out", Output], [], stop.Token);
        await WaitForLinesAsync(1);
        File.Copy(Goldens.Picture("wide"), Path.Combine(pictures, "new.png"));
        await WaitForLinesAsync(2);
        await stop.CancelAsync();
        Assert.Equal(130, (await run).ExitCode);
    }

    private Task WaitForLinesAsync(int count) => Patience.UntilAsync(() => File.Exists(Output) && LineCount() >= count, $"line {count}");

    private int LineCount()
    {
        try
        {
            using var reader = new StreamReader(new FileStream(Output, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return reader.ReadToEnd().Count(static character => character == '\n');
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
