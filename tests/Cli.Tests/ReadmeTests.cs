using System.Text.RegularExpressions;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What the README tells to type does what it says, each time.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Goldens.RepositoryPath("README.md"));

    [Fact]
    public async Task The_first_command_answers_alike_each_time()
    {
        Match first = FirstCommand().Match(Readme);
        string[] arguments =
        [
            .. Word()
                .Matches(first.Groups[1].Value)
                .Select(static word => word.Value.Trim('"'))
                .Select(static word =>
                    word.StartsWith("samples/", StringComparison.Ordinal) ? Goldens.RepositoryPath(word.Split('/')) : word
                ),
        ];
        for (int round = 0; round < 3; round++)
            Assert.Equal(new CliRun(0, "This is a yellow star and a purple diamond.\n", ""), await CliProcess.RunAsync(arguments));
    }

    // An answer that is shown is one that comes.
    [Fact]
    public void Commands_with_answers_are_greedy()
    {
        MatchCollection shown = ShownAsk().Matches(Readme);
        Assert.NotEmpty(shown);
        Assert.All(shown, static line => Assert.Contains("--temperature 0", line.Value, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_page_is_there()
    {
        foreach (Match link in Link().Matches(Readme))
            Assert.True(Path.Exists(Goldens.RepositoryPath(link.Groups[1].Value.Split('/'))), link.Value);
    }

    [GeneratedRegex("dotnet run --project src/Cli -- (.*)")]
    private static partial Regex FirstCommand();

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\$ .*tessera ask .*")]
    private static partial Regex ShownAsk();

    [GeneratedRegex(@"\]\(([a-zA-Z][^):#]*)\)")]
    private static partial Regex Link();
}
