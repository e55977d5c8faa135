using Tessera.Text.Llama;

namespace Tessera.Engine.Tests;

/// <summary>The table of what architectures take for granted, and its little language.</summary>
public sealed class ArchitectureTableTests
{
    private static readonly string Table = RepositoryRoot.Path("src", "Engine", "Text", "Llama", "architectures.txt");

    [Theory]
    [InlineData("1 + 2 * 3 == 7", 1)]
    [InlineData("( 1 + 2 ) * 3 == 7", 0)]
    [InlineData("7 % 4 == 3 and 7 / 4 == 1", 1)]
    [InlineData("a > 0", 1)]
    [InlineData("a == 5 or none > 0", 1)]
    [InlineData("a == 6 or none > 0", null)]
    [InlineData("a == 6 and none > 0", 0)]
    [InlineData("none == 0", null)]
    [InlineData("a % 0 == 0", null)]
    [InlineData("-9223372036854775808 / -1 == 0", null)]
    [InlineData("9223372036854775807 * a > 0", null)]
    [InlineData("layer <= 2", 1)]
    public void Rules_are_arithmetic_and_what_is_unknown_breaks_none(string rule, int? value) =>
        Assert.Equal(
            value,
            (int?)
                ArchitectureRule
                    .Parse(rule)
                    .Evaluate(
                        static (key, layer) =>
                            key == "a" ? 5
                            : key == "layer" ? layer
                            : null,
                        2
                    )
        );

    [Theory]
    [InlineData("( 1 + 2")]
    [InlineData("1 +")]
    [InlineData("1 2")]
    [InlineData("&")]
    public void What_is_no_rule_is_refused(string rule) => Assert.Throws<FormatException>(() => ArchitectureRule.Parse(rule));

    // A line that no architecture's test reads would fail at a user's.
    [Fact]
    public void Every_line_of_the_table_can_be_read()
    {
        string[] names =
        [
            .. File.ReadLines(Table)
                .Where(static line => line.Length > 0 && line[0] != '#')
                .SelectMany(static line => line[..line.IndexOf(" : ", StringComparison.Ordinal)].Split(' ')[1..])
                .Select(static name => name.TrimStart('-'))
                .Distinct(),
        ];
        Assert.Contains("qwen35moe", names);
        Assert.True(names.Length > 100);
        foreach (string name in names)
        {
            using StreamReader reader = File.OpenText(Table);
            var table = ArchitectureTable.Read(reader, name);
            Assert.NotEmpty(table.Bounds);
            Assert.NotEmpty(table.Rules);
        }
    }

    [Fact]
    public void Lines_concern_those_they_name_and_all_but_those_they_except()
    {
        const string Text = "rule * -b : 1 > 0\nrule a b : 2 > 0\nunfit b : it is so\nsame * : x\nvaries a : x\n";
        ArchitectureTable a = ArchitectureTable.Read(new StringReader(Text), "a"),
            b = ArchitectureTable.Read(new StringReader(Text), "b");
        Assert.Equal(["1 > 0", "2 > 0"], a.Rules.Select(static rule => rule.Text));
        Assert.Equal(["2 > 0"], b.Rules.Select(static rule => rule.Text));
        Assert.Null(a.Unfit);
        Assert.Equal("it is so", b.Unfit);
        Assert.Empty(a.Uniform);
        Assert.Equal(["x"], b.Uniform);
    }
}
