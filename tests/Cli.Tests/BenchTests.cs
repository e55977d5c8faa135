using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary><c>tessera bench</c> measures every stage once, and pictures that were encoded before are not encoded again.</summary>
public sealed class BenchTests : IDisposable
{
    private static readonly string[] Model = ["-m", Goldens.Language, "--mmproj", Goldens.Projector];
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_stage_has_a_row()
    {
        string[] arguments =
        [
            "bench",
            .. Model,
            "--size",
            "100x60",
            "--repeats",
            "2",
            "--warm-ups",
            "0",
            "--max-tokens",
            "3",
            "--sessions",
            "3",
        ];
        CliRun json = await CliRun.InProcessAsync([.. arguments, "--json"]);
        Assert.True(json.ExitCode == 0, json.Error);
        Dictionary<string, double> rows = json
            .Json.GetProperty("rows")
            .EnumerateArray()
            .ToDictionary(
                static row => $"{row.GetProperty("what").GetString()}, {row.GetProperty("unit").GetString()}",
                static row => row.GetProperty("median").GetDouble()
            );
        foreach (
            string what in (string[])
                [
                    "load, ms",
                    "encode, ms",
                    "prefill, tokens/s",
                    "first token, ms",
                    "first token, second question, ms",
                    "decode, tokens/s",
                    "peak memory, MB",
                    "answers, 3 sessions, tokens/s",
                    "before prefill, picture from disk cache, ms",
                ]
        )
            Assert.True(
                rows.TryGetValue(what, out double median) && median > 0,
                $"{what} is missing among {string.Join("; ", rows.Keys)}."
            );

        string before = folder.File("before.json");
        await File.WriteAllTextAsync(before, json.Out);
        CliRun table = await CliRun.InProcessAsync([.. arguments, "--compare", before]);
        Assert.True(table.ExitCode == 0, table.Error);
        Assert.Contains("before ", table.Out);
    }

    [Theory]
    [InlineData("--size 100", "--size is '100'")]
    [InlineData("--size 0x5", "--size is '0x5'")]
    [InlineData("--repeats 0", "--repeats")]
    [InlineData("--sessions -1", "--sessions")]
    public async Task A_wrong_value(string options, string named) =>
        (await CliRun.InProcessAsync(["bench", .. Model, .. options.Split(' ')])).ShouldFail(2, named);

    [Fact]
    public async Task What_it_compares_with_must_be_a_result()
    {
        string path = folder.File("other.json");
        await File.WriteAllTextAsync(path, "[1, 2]");
        (await CliRun.InProcessAsync(["bench", .. Model, "--compare", path])).ShouldFail(1, path, "bench --json");
    }

    [Fact]
    public async Task A_picture_in_the_cache_folder_is_not_encoded_again()
    {
        string[] arguments = ["-i", Goldens.Picture("wide"), "--max-tokens", "4", "--json", "--image-cache", folder.File("cache"), "What?"];
        JsonElement first = (await CliRun.AskGoldenAsync(arguments)).Json,
            second = (await CliRun.AskGoldenAsync(arguments)).Json;
        Assert.True(first.GetProperty("timings").GetProperty("encode_ms").GetDouble() > 0);
        Assert.Equal(0, second.GetProperty("timings").GetProperty("encode_ms").GetDouble());
        Assert.Equal(first.GetProperty("text").GetString(), second.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_cache_folder_that_cannot_be_is_said()
    {
        string file = folder.File("file");
        await File.WriteAllTextAsync(file, "x");
        (await CliRun.AskGoldenAsync("--image-cache", Path.Combine(file, "cache"), "What?")).ShouldFail(1, "--image-cache", file);
    }
}
