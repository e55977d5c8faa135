using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Campaign;
using Tessera.Fuzz.Kinds;

namespace Tessera.Fuzz;

/// <summary>A few hundred inputs of each kind, every input that ever found something, and the watchdog itself.</summary>
public sealed class FuzzTests : IDisposable
{
    private const int Seed = 20261129;
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Kinds => [.. FuzzKinds.Names];

    public static TheoryData<string> Found
    {
        get
        {
            string found = Goldens.RepositoryPath("tests", "Fuzz", "found");
            string[] files = Directory.GetFiles(found, "*", SearchOption.AllDirectories);
            Array.Sort(files, StringComparer.Ordinal);
            return
            [
                .. files
                    .Select(file => Path.GetRelativePath(found, file))
                    .Where(static file => Path.GetDirectoryName(file) is { Length: > 0 }),
            ];
        }
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Hostile_inputs_are_used_or_refused_with_a_sentence(string kind)
    {
        var findings = new List<string>();
        var options = new CampaignOptions(Seed, First: 0, Count: 300, TimeSpan.FromMinutes(5));
        KindResult result = await new Campaign.Campaign(options, new FoundFolder(folder.FullName), findings.Add).RunAsync(kind, default);
        Assert.Empty(findings);
        Assert.True(result.Accepted > 0 && result.Refused > 30, $"The inputs are too tame or too wild: {result}");
    }

    [Theory]
    [MemberData(nameof(Found))]
    public async Task What_was_found_is_mended(string file) =>
        Assert.Null(
            await Campaign.Campaign.ReplayAsync(
                Path.GetDirectoryName(file)!,
                Goldens.RepositoryPath("tests", "Fuzz", "found", file),
                default
            )
        );

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, "InvalidOperationException It is not documented.")]
    [InlineData(2, "TesseraException")]
    [InlineData(3, "ends its process with 3")]
    [InlineData(4, "hangs")]
    [InlineData(5, "takes more than 1024 MB")]
    [InlineData(9, null)]
    public async Task The_watchdog_sees_what_must_not_be(byte what, string? seen)
    {
        string file = folder.File("input", [what]);
        string? problem = await Campaign.Campaign.ReplayAsync(SelfTestKind.Id, file, default);
        if (seen is null)
            Assert.Null(problem);
        else
            Assert.Contains(seen, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        using FuzzKind kind = FuzzKinds.Create("template", folder.FullName);
        byte[][] Inputs(int seed) => [.. Enumerable.Range(0, 50).Select(index => kind.Make(Worker.RandomOf(kind.Name, seed, index)))];
        Assert.Equal(Inputs(Seed), Inputs(Seed));
        Assert.NotEqual(Inputs(Seed), Inputs(Seed + 1));
    }
}
