using System.Globalization;
using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary><c>tessera match</c> with the golden of BLIP's image-text matching, and with what is none.</summary>
public sealed class MatchTests
{
    private const string Text = "two stars",
        Other = "A small red square on a dark ground.";

    private static readonly string Folder = Goldens.RepositoryPath("tests", "goldens", "blip", "blip-itm");
    private static readonly string Model = Path.Combine(Folder, "matching-f16.gguf");

    [Fact]
    public async Task Pictures_and_texts_as_one_document()
    {
        CliRun run = await MatchAsync(Goldens.Picture("wide"), Goldens.Picture("dark"), "--text", Text, "--text", Other, "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement[] matches = [.. run.Json.GetProperty("matches").EnumerateArray()];
        // Picture by picture, each with every text.
        Assert.Equal(
            [("wide", Text), ("wide", Other), ("dark", Text), ("dark", Other)],
            matches.Select(static match =>
                (Path.GetFileNameWithoutExtension(match.GetProperty("image").GetString()!), match.GetProperty("text").GetString()!)
            )
        );
        foreach (JsonElement match in matches)
        {
            JsonElement expected = Expected(match.GetProperty("image").GetString()!, match.GetProperty("text").GetString()!);
            double[] logits = Numbers(match.GetProperty("logits")),
                wanted = Numbers(expected.GetProperty("logits"));
            Assert.Equal(wanted[0], logits[0], 0.01);
            Assert.Equal(wanted[1], logits[1], 0.01);
            Assert.Equal(1 / (1 + Math.Exp(logits[0] - logits[1])), match.GetProperty("probability").GetDouble(), 1e-5);
            Assert.Equal(expected.GetProperty("cosine").GetDouble(), match.GetProperty("cosine").GetDouble(), 0.01);
        }
    }

    [Fact]
    public async Task Pictures_and_texts_for_people()
    {
        CliRun run = await MatchAsync(Goldens.Picture("wide"), "--text", Text, "--text", Other);
        Assert.True(run.ExitCode == 0, run.Error);
        string[] lines = run.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(Goldens.Picture("wide"), lines[0]);
        Assert.Equal(3, lines.Length);
        double probability = double.Parse(lines[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture);
        double[] logits = Numbers(Expected(Goldens.Picture("wide"), Text).GetProperty("logits"));
        Assert.Equal(1 / (1 + Math.Exp(logits[0] - logits[1])), probability, 0.005);
        Assert.Contains("cosine", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(Text, lines[1], StringComparison.Ordinal);
        Assert.EndsWith(Other, lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Transformers_start_of_texts_is_asked_for_by_preprocess()
    {
        CliRun run = await MatchAsync(Goldens.Picture("wide"), "--text", Text, "--json", "--preprocess", "transformers");
        double[] logits = Numbers(run.Json.GetProperty("matches")[0].GetProperty("logits"));
        Assert.Equal(Numbers(Expected(Goldens.Picture("wide"), Text).GetProperty("logits_transformers"))[1], logits[1], 0.01);
    }

    [Fact]
    public async Task A_model_that_does_not_match()
    {
        string picture = Goldens.Picture("wide"),
            captions = Goldens.RepositoryPath("tests", "goldens", "blip", "blip-caption", "mmproj-f16.gguf");
        (await CliRun.InProcessAsync("match", "-m", captions, picture, "--text", Text)).ShouldFail(1, captions, "without the heads");
        (await CliRun.InProcessAsync("match", "--mmproj", Goldens.Projector, picture, "--text", Text)).ShouldFail(1, Goldens.Projector);
        (await CliRun.InProcessAsync("match", "-m", Goldens.Language, picture, "--text", Text)).ShouldFail(1, Goldens.Language);
        CliRun document = await CliRun.InProcessAsync("match", "-m", captions, picture, "--text", Text, "--json");
        Assert.Equal((1, "model_file"), (document.ExitCode, document.Json.GetProperty("error").GetProperty("kind").GetString()));
    }

    [Fact]
    public async Task Candles_file_is_asked_about_once_it_is_converted()
    {
        string file = Goldens.RepositoryPath("tests", "goldens", "checkpoints", "blip-candle", "blip-image-captioning-large-q8_0.gguf");
        CliRun run = await CliRun.InProcessAsync("ask", "-m", file, "What?");
        run.ShouldFail(1, file, "the file of BLIP that candle reads");
    }

    [Fact]
    public async Task No_picture_no_text_and_what_is_no_picture()
    {
        (await MatchAsync("--text", Text)).ShouldFail(2);
        (await MatchAsync(Goldens.Picture("wide"))).ShouldFail(2, "--text");
        (await MatchAsync("gone.png", "--text", Text)).ShouldFail(1, "gone.png");
        (await MatchAsync(Model, "--text", Text)).ShouldFail(1, Model);
    }

    [Fact]
    public async Task A_text_that_is_too_long() =>
        (await MatchAsync(Goldens.Picture("wide"), "--text", string.Join(' ', Enumerable.Repeat("star", 200)))).ShouldFail(1);

    private static Task<CliRun> MatchAsync(params string[] arguments) => CliRun.InProcessAsync(["match", "-m", Model, .. arguments]);

    private static JsonElement Expected(string picture, string text) =>
        JsonDocument
            .Parse(File.ReadAllBytes(Path.Combine(Folder, "manifest.json")))
            .RootElement.GetProperty("matches")
            .EnumerateArray()
            .Single(entry =>
                Path.GetFileName(entry.GetProperty("picture").GetString()) == Path.GetFileName(picture)
                && entry.GetProperty("text").GetString() == text
            );

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(static number => number.GetDouble())];
}
