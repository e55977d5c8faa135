using Tessera.ChatTemplates;

namespace Tessera.Engine.Tests.Templates;

public class TemplateErrorTests
{
    private static TemplateException Fails(string source) =>
        Assert.Throws<TemplateException>(() => ChatTemplate.Parse(source, "x.jinja").Render(new Dictionary<string, TemplateValue>()));

    [Theory]
    [InlineData("a\n  {{ 1 + none }}", 2, 8)]
    [InlineData("{% if x %}\n{% endfor %}", 2, 4)]
    [InlineData("{{ missing.name }}", 1, 11)]
    [InlineData("\n{{ raise_exception('no') }}", 2, 19)]
    [InlineData("{# open", 1, 1)]
    public void Names_template_line_and_column(string source, int line, int column)
    {
        TemplateException failure = Fails(source);
        Assert.Equal(("x.jinja", line, column), (failure.TemplateName, failure.Line, failure.Column));
        Assert.StartsWith($"x.jinja:{line}:{column}: ", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{ raise_exception('a ' ~ 1) }}", "a 1")]
    [InlineData("{{ missing.name }}", "'missing' is undefined")]
    [InlineData("{{ {}.a.b }}", "'dict object' has no attribute 'a'")]
    [InlineData("{{ [].append(1) }}", "access to attribute 'append' of 'list' object is unsafe.")]
    [InlineData("{{ 1 | nothing }}", "No filter named 'nothing'.")]
    [InlineData("{% if false %}{{ 1 | nothing }}{% endif %}{{ raise_exception('later') }}", "later")]
    [InlineData("{% include 'a' %}", "'include' is not supported: a chat template is one file")]
    [InlineData("{% break %}", "'break' outside loop")]
    public void Says_what_is_wrong(string source, string problem) => Assert.Equal(problem, Fails(source).Problem);
}
