using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Pictures as people name them in a chat: in a pipe, which is what a terminal's line becomes.</summary>
public sealed class ChatPictureTests : IDisposable
{
    private static readonly string Shapes = Goldens.RepositoryPath("samples", "shapes.png"),
        Heart = Goldens.RepositoryPath("samples", "heart.png");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_name_with_blanks_needs_no_quotes()
    {
        Directory.CreateDirectory(folder.File("Pictures"));
        string picture = folder.File("Pictures/my picture (1).png", File.ReadAllBytes(Shapes));
        CliRun run = await ChatAsync($"{picture} What is in this picture?", $"/image {picture}");
        Assert.Equal((0, "This is a yellow star and a purple diamond.\n"), (run.ExitCode, run.Out));
        Assert.Equal(2, run.Error.Split("my picture (1).png: 328 x 328, 1 slice, 64 tokens\n").Length - 1);
    }

    [Fact]
    public async Task An_address_is_fetched()
    {
        using var server = new PictureServer(Shapes);
        CliRun run = await ChatAsync(
            $"{server.Address}/shapes.jpg What is in this picture?",
            $"/image {server.Address}/no-ending?id=3",
            $"{server.Address}/gone.png What is it?",
            $"/image {server.Address}/gone"
        );
        Assert.Equal((1, "This is a yellow star and a purple diamond.\n"), (run.ExitCode, run.Out));
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.Equal("shapes.jpg: 328 x 328, 1 slice, 64 tokens", lines[0]);
        Assert.EndsWith(": 328 x 328, 1 slice, 64 tokens", lines[1], StringComparison.Ordinal);
        Assert.Equal($"tessera: {server.Address}/gone.png: the server answered 404 Not Found.", lines[2]);
        Assert.Equal($"tessera: {server.Address}/gone: the server answered 404 Not Found.", lines[3]);
    }

    [Fact]
    public async Task A_pattern_is_every_picture_that_it_matches()
    {
        folder.File("a.png", File.ReadAllBytes(Heart));
        folder.File("b.png", File.ReadAllBytes(Shapes));
        folder.File("c.txt", "no picture"u8);
        CliRun run = await ChatAsync($"/image {folder.File("*.png")}", $"/image {folder.File("*.webp")}", $"/image {folder.File("*")}");
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.Equal(["a.png: 315 x 315, 1 slice, 64 tokens", "b.png: 328 x 328, 1 slice, 64 tokens"], lines[..2]);
        Assert.Equal($"tessera: {folder.File("*.webp")}: no picture has such a name.", lines[2]);
        Assert.Equal(lines[..2], lines[3..]);
    }

    [Fact]
    public async Task Of_two_names_the_missing_one_is_told()
    {
        string gone = folder.File("gone.png"),
            text = folder.File("text.txt", "words"u8);
        CliRun run = await ChatAsync($"/image {Heart} {gone}", $"/image {Heart} {text}", $"{Heart} {gone} which?");
        Assert.Equal(
            [
                $"tessera: {gone}: there is no such file.",
                $"tessera: {text}: this is not a picture that can be read, so none was added.",
                $"tessera: {gone}: there is no such file.",
            ],
            run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
        Assert.Equal((1, ""), (run.ExitCode, run.Out));
    }

    [Fact]
    public async Task What_is_not_there_is_no_question()
    {
        CliRun run = await ChatAsync("Pictures/my cat.png what is this?", "nope.jpg?", "https://127.0.0.1/page says what?");
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("tessera: Pictures/my cat.png: there is no such file.", lines[0]);
        Assert.Equal("tessera: nope.jpg: there is no such file.", lines[1]);
        Assert.Equal("https://127.0.0.1/page stays words: /image ADDRESS adds a picture.", lines[2]);
        Assert.Single(run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [ToolFact("pdftoppm")]
    public async Task Pages_of_a_PDF()
    {
        string pdf = folder.File("my report.pdf", MadePdf.Write(300, "ONE", "SEVEN"));
        CliRun run = await ChatAsync($"{pdf}#2 What does it say?", $"/image {pdf}#1-2", $"/image {pdf}", $"/image {pdf}#7");
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["my report.pdf#2: 2048 x 2048, 1 slice, 64 tokens", "my report.pdf#1: 2048 x 2048, 1 slice, 64 tokens"], lines[..2]);
        Assert.Contains("a PDF of 2 pages", lines[3], StringComparison.Ordinal);
        Assert.Contains("no such page", lines[4], StringComparison.Ordinal);
        Assert.Single(run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static Task<CliRun> ChatAsync(params string[] lines) =>
        CliProcess.RunAsync(
            ["chat", "--temperature", "0"],
            Encoding.UTF8.GetBytes(string.Concat(lines.Select(static line => line + "\n")))
        );
}
