using Tessera.Cli.Tests.Fuzz;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>
/// Damaged and senseless model files get an answer or a sentence, never an abort: a fixed range of seeds, a small part of what
/// <see cref="FuzzProgram"/> runs through by hand.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task Projectors() => FindsNothingAsync("projector", Goldens.Language, first: 1_000, count: 300);

    [Fact]
    public Task Language_models() => FindsNothingAsync("language", Goldens.Language, first: 2_000, count: 300);

    [Theory]
    [InlineData("qwen2", 100)]
    [InlineData("phi3", 600)]
    [InlineData("moe", 0)]
    public Task Other_architectures(string kind, int first) => FindsNothingAsync("language", LanguageModels.Write(kind, folder.File("original.gguf")), first, count: 100);

    private static async Task FindsNothingAsync(string role, string language, int first, int count)
    {
        FuzzReport report = await FuzzRun.RunAsync(role, language, Goldens.Projector, first, count);
        Assert.Empty(report.Findings);
        Assert.True(report.RefusedCount > count / 3, $"Only {report.RefusedCount} of {count} were refused, so the mutants are too tame.");
    }
}
