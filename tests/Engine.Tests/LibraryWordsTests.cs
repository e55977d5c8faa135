using System.Text.RegularExpressions;

namespace Tessera.Engine.Tests;

/// <summary>The libraries speak of limits and values; which option sets them is the command line's to say.</summary>
public sealed partial class LibraryWordsTests
{
    private static readonly string[] Libraries =
    [
        "Shared",
        "Gguf",
        "ChatTemplates",
        "Grammars",
        "Checkpoints",
        "Engine",
        "Extensions.AI",
        "LLamaSharp",
    ];

    [Theory]
    [InlineData("\"give it with --mmproj.\"", true)]
    [InlineData("$\"more than {limit} (--max-pixels)\"", true)]
    [InlineData("\"or name one with -m.\"", true)]
    [InlineData("if (--users > 0)", false)]
    [InlineData("[\"-map\", \"0:v:0\", \"-r\", \"25\"]", false)]
    [InlineData("\"a - b, x-m, non-m, <|im_start|>--\"", false)]
    public void Options_are_recognised(string line, bool isOption) => Assert.Equal(isOption, Option().IsMatch(line));

    [Fact]
    public void Libraries_name_no_options()
    {
        IEnumerable<string> found = Libraries
            .SelectMany(static name => Directory.EnumerateFiles(RepositoryRoot.Path("src", name), "*.cs", SearchOption.AllDirectories))
            .Where(static file => !file.Replace('\\', '/').Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(static file =>
                File.ReadLines(file).Where(static line => Option().IsMatch(line)).Select(line => $"{file}: {line.Trim()}")
            );
        Assert.Equal([], found);
    }

    // "--name" or "-x" as a word of its own within a literal; one that is all of it is an argument for another program.
    [GeneratedRegex(@"""([^""\\]|\\.)*((?<=[( ])(--[a-z][a-z-]+|-[a-z])(?=[""). ,:;])|(?<="")(--[a-z][a-z-]+|-[a-z])(?=[). ,;]))")]
    private static partial Regex Option();
}
