using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>The commands that list, fetch, shrink and measure models.</summary>
public sealed class ModelToolTests : IDisposable
{
    private static readonly (string Model, string? Projector) Tiny = ModelCatalog.Resolve(null, null, needsVision: true);
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-tools").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Quantize_writes_compares_and_tells()
    {
        string model = Path.Combine(folder, "tiny-Q8_0.gguf");
        File.Copy(Tiny.Model, model);
        File.Copy(Tiny.Projector!, Path.Combine(folder, "tiny-mmproj-Q8_0.gguf"));
        CliRun run = await CliRun.InProcessAsync(
            "quantize",
            model,
            "q4_k_m",
            "--mmproj-type",
            "Q5_0",
            "--drift",
            Goldens.Picture("wide"),
            "--json"
        );
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement[] files = [.. run.Json.GetProperty("files").EnumerateArray()];
        Assert.Equal(
            [Path.Combine(folder, "tiny-Q4_K_M.gguf"), Path.Combine(folder, "tiny-mmproj-Q5_0.gguf")],
            files.Select(static file => file.GetProperty("path").GetString())
        );
        Assert.All(files, static file => Assert.True(file.GetProperty("bytes").GetInt64() < file.GetProperty("source_bytes").GetInt64()));
        JsonElement drift = Assert.Single(run.Json.GetProperty("drift").EnumerateArray());
        Assert.InRange(drift.GetProperty("mean_cosine").GetDouble(), 0.9, 1);
        Assert.InRange(drift.GetProperty("logit_cosine").GetDouble(), 0.5, 1);
    }

    [Fact]
    public async Task Quantize_can_be_tried_dry()
    {
        string model = Path.Combine(folder, "tiny-f16.gguf");
        File.Copy(Tiny.Model, model);
        CliRun run = await CliRun.InProcessAsync("quantize", model, "Q4_0", "--dry-run", "--keep", "attn_v=F16");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("blk.0.attn_v.weight [256, 256] Q8_0 -> F16", run.Out);
        Assert.Contains("Q8_0 -> Q4_0", run.Out);
        Assert.Equal([model], Directory.GetFiles(folder));
    }

    [Theory]
    [InlineData(1, "no quantization 'Q9'", "quantize", "MODEL", "Q9")]
    [InlineData(2, "PATTERN=TYPE", "quantize", "MODEL", "Q4_0", "--keep", "attn")]
    [InlineData(2, "--dry-run", "quantize", "MODEL", "Q4_0", "--dry-run", "--drift")]
    [InlineData(1, "nowhere.gguf", "quantize", "nowhere.gguf", "Q4_0")]
    [InlineData(2, "1920x1080", "fit", "tiny", "--picture", "wide")]
    [InlineData(1, "did you mean tiny", "fit", "tiney")]
    [InlineData(
        1,
        "nothing-like-it-at-all' is neither a file nor a name in the catalogue: 'tessera models' lists them",
        "fit",
        "nothing-like-it-at-all"
    )]
    [InlineData(1, "nowhere.txt: there is no such file", "imatrix", "tiny", "--text", "nowhere.txt", "--out", "x.gguf")]
    [InlineData(1, "no model of the catalogue", "pull", "nothing-like-it-at-all")]
    [InlineData(1, "comes with Tessera", "pull", "tiny")]
    [InlineData(2, "--type is 'Q9'", "pull", "minicpm-v-4", "--type", "Q9")]
    [InlineData(1, "No model 'minicpm' was pulled", "rm", "minicpm")]
    public async Task What_cannot_be_done_is_one_sentence(int exitCode, string reason, params string[] arguments) =>
        (await CliRun.InProcessAsync([.. arguments.Select(static argument => argument == "MODEL" ? Tiny.Model : argument)])).ShouldFail(
            exitCode,
            reason
        );

    [Fact]
    public async Task Models_lists_the_catalogue()
    {
        CliRun run = await CliRun.InProcessAsync("models", "--json");
        JsonElement tiny = run.Json.EnumerateArray().First();
        Assert.Equal(
            ("tiny", "here", true),
            (tiny.GetProperty("name").GetString(), tiny.GetProperty("state").GetString(), tiny.GetProperty("fits").GetBoolean())
        );
        Assert.Contains("minicpm-v-4.6", (await CliRun.InProcessAsync("models")).Out);
    }

    [Fact]
    public async Task Fit_adds_up()
    {
        CliRun run = await CliRun.InProcessAsync("fit", "tiny", "--context", "1024", "--cache-type", "q8_0", "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement plan = run.Json.GetProperty("plan");
        Assert.Equal(("Q8_0", 1024), (plan.GetProperty("cache_type").GetString(), plan.GetProperty("context").GetInt32()));
        Assert.True(plan.GetProperty("fits").GetBoolean());
        Assert.Contains("in all", (await CliRun.InProcessAsync("fit", "tiny")).Out);
    }

    [Fact]
    public async Task Imatrix_is_made_and_used()
    {
        string text = Path.Combine(folder, "text.txt"),
            matrix = Path.Combine(folder, "imatrix.gguf"),
            model = Path.Combine(folder, "out.gguf");
        await File.WriteAllTextAsync(text, string.Join(' ', Enumerable.Repeat("Two red circles and a blue square.", 20)));
        CliRun made = await CliRun.InProcessAsync("imatrix", "tiny", "--text", text, "--out", matrix);
        Assert.True(made.ExitCode == 0, made.Error);
        CliRun used = await CliRun.InProcessAsync("quantize", Tiny.Model, "IQ3_XXS", "--imatrix", matrix, "--out", model);
        Assert.True(used.ExitCode == 0, used.Error);
    }
}
