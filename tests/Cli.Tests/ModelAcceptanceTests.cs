using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>The checks before libllama must not refuse what it can run.</summary>
public sealed class ModelAcceptanceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Kinds => [.. LanguageModels.Names];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Answers(string kind)
    {
        string language = LanguageModels.Write(kind, folder.File($"{kind}.gguf"));
        CliRun run = await CliRun.InProcessAsync(
            "ask",
            "-m",
            language,
            "--mmproj",
            Goldens.Projector,
            "-i",
            Goldens.Picture("small"),
            "--max-tokens",
            "2",
            "--threads",
            "1",
            "--json",
            "What?"
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.InRange(run.Json.GetProperty("completion_tokens").GetInt32(), 1, 2);
    }

    [Fact]
    public async Task Positions_of_several_axes_are_refused_with_pictures_only()
    {
        string language = LanguageModels.Write("qwen2vl", folder.File("qwen2vl.gguf"));
        CliRun refused = await CliRun.InProcessAsync(
            "ask",
            "-m",
            language,
            "--mmproj",
            Goldens.Projector,
            "-i",
            Goldens.Picture("small"),
            "--max-tokens",
            "2",
            "--threads",
            "1",
            "What?"
        );
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"{language}: its positions have several axes (M-RoPE)", refused.Error);
        CliRun text = await CliRun.InProcessAsync("ask", "-m", language, "--max-tokens", "2", "--json", "--threads", "1", "What?");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
    }
}
