using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary><c>look --json</c> lists what stands for a picture in the prompt, as the tiled LLaVAs' goldens have it.</summary>
public sealed class LookLayoutTests
{
    [Theory]
    [InlineData("llava-1.6", "LLaVA-NeXT")]
    [InlineData("llava-onevision", "LLaVA-OneVision")]
    [InlineData("llava-1.5-hd", "LLaVA-1.5-HD")]
    [InlineData("llava-next-max", "LLaVA-NeXT")]
    public async Task The_layout_has_the_goldens_tokens(string name, string family)
    {
        string folder = Goldens.RepositoryPath("tests", "goldens", "llava-next", name);
        JsonElement manifest = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "manifest.json"))).RootElement;
        foreach (
            JsonProperty picture in manifest
                .GetProperty("pictures")
                .EnumerateObject()
                .Where(static entry => !entry.Value.TryGetProperty("image_count", out _))
        )
        {
            CliRun run = await LookAsync(folder, picture.Value);
            JsonElement look = run.Json;
            Assert.Equal(family, look.GetProperty("family").GetString());
            Assert.Equal(picture.Value.GetProperty("tokens").GetInt32(), look.GetProperty("image_tokens").GetInt32());
            Assert.Equal(
                picture.Value.GetProperty("grid").GetProperty("columns").GetInt32(),
                look.GetProperty("grid").GetProperty("columns").GetInt32()
            );
            Assert.Equal(picture.Value.GetProperty("tokens").GetInt32(), look.GetProperty("unlimited_tokens").GetInt32());
            CheckLayout(look);
        }
    }

    [Fact]
    public async Task A_limit_on_tokens_is_reported_even_where_it_costs_no_slice()
    {
        string folder = Goldens.RepositoryPath("tests", "goldens", "llava-next", "llava-onevision");
        JsonElement manifest = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "manifest.json"))).RootElement;
        JsonElement picture = manifest.GetProperty("pictures").GetProperty("page");
        int tokens = picture.GetProperty("tokens").GetInt32();
        CliRun run = await LookAsync(folder, picture, "--max-image-tokens", $"{tokens - 1}");
        Assert.Equal(tokens, run.Json.GetProperty("unlimited_tokens").GetInt32());
        Assert.True(run.Json.GetProperty("image_tokens").GetInt32() < tokens);
    }

    private static async Task<CliRun> LookAsync(string folder, JsonElement picture, params string[] more)
    {
        string path = Path.GetFullPath(Path.Combine(folder, picture.GetProperty("file").GetString()!));
        CliRun run = await CliRun.InProcessAsync(["look", path, "--mmproj", Path.Combine(folder, "mmproj-f16.gguf"), "--json", .. more]);
        Assert.True(run.ExitCode == 0, run.Error);
        return run;
    }

    // The overview first, then rows of one length, each with its newline.
    private static void CheckLayout(JsonElement look)
    {
        (string Kind, int Tokens)[] layout =
        [
            .. look.GetProperty("layout")
                .EnumerateArray()
                .Select(static span => (span.GetProperty("kind").GetString()!, span.GetProperty("tokens").GetInt32())),
        ];
        Assert.Equal(("overview", look.GetProperty("slices")[0].GetProperty("tokens").GetInt32()), layout[0]);
        Assert.Equal(look.GetProperty("image_tokens").GetInt32(), layout.Sum(static span => span.Tokens));
        Assert.All(layout.Skip(1).Chunk(2), pair => Assert.Equal([("row", layout[1].Tokens), ("newline", 1)], pair));
    }
}
