using Tessera.ChatTemplates;

namespace Tessera.Engine.Tests.Templates;

public class TemplateLimitTests
{
    private static readonly Dictionary<string, TemplateValue> NoVariables = [];

    private static TemplateException Fails(string source) =>
        Assert.Throws<TemplateException>(() => ChatTemplate.Parse(source, "hostile").Render(NoVariables));

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}")]
    [InlineData("{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}")]
    [InlineData("{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}")]
    [InlineData("{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | tojson }}")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}")]
    [InlineData("{% set n = namespace() %}{% set n.n = n %}{{ n }}")]
    [InlineData("{{ 'x' * 10 ** 12 }}")]
    [InlineData("{{ 9 ** (9 ** 9) }}")]
    [InlineData("{{ '%999999999d' % 1 }}")]
    [InlineData("{{ '{:>999999999}'.format(1) }}")]
    [InlineData("{{ ('a' * 100000).replace('a', 'b' * 100000) }}")]
    [InlineData("{{ ('b' * 100000).join('a' * 100000) }}")]
    [InlineData("{{ 'a' | center(10 ** 11) }}")]
    [InlineData("{{ ('a' * 8000000 ) in ('a' * 7999999 ~ 'b' ~ 'a' * 7999999) }}")]
    [InlineData("{{ [1] | batch(10 ** 9, 0) | list }}")]
    [InlineData("{{ {} | tojson(indent=10 ** 8) }}")]
    [InlineData("{{ range(10 ** 9) | list }}")]
    public void Stops_a_template_that_never_ends_or_never_fits(string source) => Fails(source);

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("- ", "")]
    [InlineData("1 if 1 else ", "")]
    [InlineData("'' ~ (", ")")]
    public void Refuses_deep_expressions(string opening, string closing)
    {
        string expression = string.Concat(Enumerable.Repeat(opening, 20_000)) + "1" + string.Concat(Enumerable.Repeat(closing, 20_000));
        Fails("{{ " + expression + " }}");
    }

    [Fact]
    public void Refuses_deep_blocks_and_chains()
    {
        Fails(string.Concat(Enumerable.Repeat("{% if 1 %}", 20_000)));
        Fails("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 200_000)) + " }}");
    }

    [Fact]
    public void Can_be_cancelled()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        ChatTemplate template = ChatTemplate.Parse("{% for i in range(9999) %}{{ i }}{% endfor %}", "long");
        Assert.ThrowsAny<OperationCanceledException>(() => template.Render(NoVariables, cancellationToken: cancelled.Token));
    }

    [Fact]
    public void Fails_without_crashing_on_damaged_templates()
    {
        string[] sources = [.. Directory.GetFiles(Path.Combine(TemplateGoldens.Folder, "own")).Select(File.ReadAllText)];
        Random random = new(1);
        TemplateLimits limits = new() { MaxSteps = 20_000 };
        Dictionary<string, TemplateValue> variables = TemplateGoldens.Variables("tool calls");
        for (int round = 0; round < 3000; round++)
        {
            char[] text = sources[round % sources.Length].ToCharArray();
            for (int change = 0; change < 3; change++)
                text[random.Next(text.Length)] = "{}%#-+'\"\\()[]|.,:~ *09ax\n😀"[random.Next(27)];
            try
            {
                ChatTemplate.Parse(new string(text), "damaged").Render(variables, limits);
            }
            catch (TemplateException) { }
        }
    }
}
