using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>The JSON documents have the names on which other programs rely, and standard output holds nothing else.</summary>
public sealed class JsonTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("wide");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Ask()
    {
        JsonElement json = Succeeded(await CliRun.AskGoldenAsync("-i", Picture, "--max-tokens", "5", "--json", "What?"));
        ShouldHave(json, "text", "finish_reason", "prompt_tokens", "image_tokens", "completion_tokens", "token_ids", "timings");
        ShouldHave(json.GetProperty("timings"), "load_ms", "preprocess_ms", "encode_ms", "prefill_ms", "first_token_ms", "decode_ms");
        Assert.Equal("length", json.GetProperty("finish_reason").GetString());
        Assert.Equal(16, json.GetProperty("image_tokens").GetInt32());
        Assert.Equal(5, json.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(5, json.GetProperty("token_ids").GetArrayLength());
        Assert.True(json.GetProperty("prompt_tokens").GetInt32() > 16);
    }

    [Fact]
    public async Task Greedy_answers_repeat_and_json_is_the_text()
    {
        string[] arguments = ["-i", Picture, "--max-tokens", "8", "What?"];
        CliRun text = await CliRun.AskGoldenAsync(arguments),
            json = await CliRun.AskGoldenAsync(["--json", .. arguments]);
        Assert.Equal(text.Out.TrimEnd('\n'), Succeeded(json).GetProperty("text").GetString());
    }

    [Fact]
    public async Task Look()
    {
        JsonElement json = Succeeded(await CliRun.InProcessAsync("look", "--mmproj", Goldens.Projector, Picture, "--json"));
        ShouldHave(json, "image", "family", "grid", "refined", "slices", "image_tokens");
        Assert.Equal(
            (183, 61),
            (json.GetProperty("image").GetProperty("width").GetInt32(), json.GetProperty("image").GetProperty("height").GetInt32())
        );
        ShouldHave(json.GetProperty("grid"), "columns", "rows");
        ShouldHave(json.GetProperty("refined"), "width", "height");
        JsonElement slice = Assert.Single(json.GetProperty("slices").EnumerateArray());
        ShouldHave(slice, "kind", "row", "column", "width", "height", "tokens");
        Assert.Equal("overview", slice.GetProperty("kind").GetString());
        Assert.Equal(16, json.GetProperty("image_tokens").GetInt32());
    }

    [Theory]
    [InlineData("embeddings", new[] { 16, 64 })]
    [InlineData("features", new[] { 1, 16, 64 })]
    [InlineData("pixels", new[] { 1, 3, 56, 56 })]
    public async Task Encode(string stage, int[] shape)
    {
        string path = folder.File("x.npy");
        JsonElement json = Succeeded(
            await CliRun.InProcessAsync("encode", "--mmproj", Goldens.Projector, Picture, "--stage", stage, "--out", path, "--json")
        );
        Assert.Equal((path, stage), (json.GetProperty("out").GetString(), json.GetProperty("stage").GetString()));
        Assert.Equal(shape, json.GetProperty("shape").EnumerateArray().Select(static length => length.GetInt32()));
        byte[] file = await File.ReadAllBytesAsync(path);
        Assert.Equal([0x93, .. "NUMPY"u8], file[..6]);
        int headerLength = 10 + BitConverter.ToUInt16(file, 8);
        Assert.Equal(shape.Aggregate(sizeof(float), static (bytes, length) => bytes * length), file.Length - headerLength);
    }

    // Cambrian-1's towers see a picture in four sizes, and layers of its language model look at what stands beside its rows.
    [Theory]
    [InlineData("embeddings", new[] { 28, 64 })]
    [InlineData("memory", new[] { 28, 264 })]
    [InlineData("features", new[] { 252, 32 })]
    [InlineData("pixels", new[] { 3 * (100 * 100 + 84 * 84 + 98 * 98 + 64 * 64) })]
    public async Task Encode_of_slices_that_differ_in_size(string stage, int[] shape)
    {
        string projector = Goldens.RepositoryPath("tests", "goldens", "cambrian", "cambrian-8b", "mmproj-f16.gguf");
        JsonElement json = Succeeded(
            await CliRun.InProcessAsync(
                "encode",
                "--mmproj",
                projector,
                Goldens.Picture("shapes"),
                "--stage",
                stage,
                "--out",
                folder.File("x.npy"),
                "--json"
            )
        );
        Assert.Equal(stage, json.GetProperty("stage").GetString());
        Assert.Equal(shape, json.GetProperty("shape").EnumerateArray().Select(static length => length.GetInt32()));
    }

    [Fact]
    public async Task Pixels_are_the_goldens()
    {
        string path = folder.File("x.npy");
        Assert.Equal(
            0,
            (await CliRun.InProcessAsync("encode", "--mmproj", Goldens.Projector, Picture, "--stage", "pixels", "--out", path)).ExitCode
        );
        byte[] golden = await File.ReadAllBytesAsync(Goldens.File("wide.pixels.npy")),
            actual = await File.ReadAllBytesAsync(path);
        int length = 3 * 56 * 56 * sizeof(float);
        Assert.Equal(golden[^length..], actual[^length..]);
    }

    [Fact]
    public async Task Inspect()
    {
        JsonElement json = Succeeded(await CliRun.InProcessAsync("inspect", Goldens.Language, "--json"));
        ShouldHave(json, "file", "version", "alignment", "metadata", "tensors");
        Assert.Equal("llama", json.GetProperty("metadata").GetProperty("general.architecture").GetString());
        JsonElement tensor = json.GetProperty("tensors")[0];
        ShouldHave(tensor, "name", "type", "shape", "offset", "bytes");
        Assert.Equal("token_embd.weight", tensor.GetProperty("name").GetString());
    }

    [Fact]
    public async Task Devices()
    {
        JsonElement json = Succeeded(await CliRun.InProcessAsync("devices", "--json"));
        Assert.Contains(json.EnumerateArray(), static device => device.GetProperty("kind").GetString() == "cpu");
        ShouldHave(json[0], "name", "description", "kind", "free_bytes", "total_bytes");
    }

    [Theory]
    [InlineData("ask", "--json", "-i", "no.png", "What?")]
    [InlineData("look", "--json", "no.png")]
    [InlineData("inspect", "--json", "no.gguf")]
    public async Task A_failure_is_a_document_too(params string[] arguments)
    {
        CliRun run = await CliRun.InProcessAsync(arguments);
        (run with { Out = "" }).ShouldFail(1, "no.");
        JsonElement error = run.Json.GetProperty("error");
        Assert.Equal($"tessera: {error.GetProperty("message").GetString()}\n", run.Error);
        Assert.Equal(arguments[0] == "inspect" ? "model_file" : "image", error.GetProperty("kind").GetString());
    }

    [Fact]
    public async Task The_embedded_model_answers()
    {
        CliRun run = await CliProcess.RunAsync(
            "ask",
            "-i",
            Goldens.RepositoryPath("samples", "heart.png"),
            "--temperature",
            "0",
            "--threads",
            "1",
            "What shape is it?"
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("heart", run.Out, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Question_and_picture_from_standard_input()
    {
        string picture = Goldens.RepositoryPath("samples", "heart.png");
        CliRun asked = await CliProcess.RunAsync(
            ["ask", "-i", picture, "--temperature", "0", "--threads", "1", "-"],
            "What shape is it?\n"u8.ToArray()
        );
        CliRun shown = await CliProcess.RunAsync(
            ["ask", "-i", "-", "--temperature", "0", "--threads", "1", "What shape is it?"],
            await File.ReadAllBytesAsync(picture)
        );
        Assert.Equal((0, ""), (asked.ExitCode, asked.Error));
        Assert.Equal(asked, shown);
    }

    private static JsonElement Succeeded(CliRun run)
    {
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return run.Json;
    }

    private static void ShouldHave(JsonElement json, params string[] names)
    {
        foreach (string name in names)
            Assert.True(json.TryGetProperty(name, out _), $"There is no {name} in {json}");
    }
}
