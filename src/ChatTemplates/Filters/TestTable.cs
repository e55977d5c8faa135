using System.Globalization;

namespace Tessera.ChatTemplates;

/// <summary>What a test says about a value.</summary>
internal delegate bool Test(RenderState state, TemplateValue value, CallArguments arguments);

/// <summary>The tests by name (Jinja2 3.1.6, tests.py).</summary>
internal static class TestTable
{
    private static readonly Dictionary<string, Test> Table = new()
    {
        ["defined"] = (_, value, _) => value is not UndefinedValue,
        ["undefined"] = (_, value, _) => value is UndefinedValue,
        ["none"] = (_, value, _) => value is NoneValue,
        ["boolean"] = (_, value, _) => value is BooleanValue,
        ["true"] = (_, value, _) => value is BooleanValue { Value: true },
        ["false"] = (_, value, _) => value is BooleanValue { Value: false },
        ["integer"] = (_, value, _) => value is IntegerValue,
        ["float"] = (_, value, _) => value is FloatValue,
        ["number"] = (_, value, _) => value.AsNumber is not null,
        ["string"] = (_, value, _) => value is StringValue,
        ["mapping"] = (_, value, _) => value is MapValue,
        ["sequence"] = (_, value, _) => value.Length is not null && value.IsIndexable,
        ["iterable"] = (_, value, _) => value.Items is not null,
        ["callable"] = (_, value, _) => value.IsCallable,
        ["escaped"] = (_, value, _) => value is StringValue { IsMarkup: true },
        ["lower"] = (state, value, _) => PythonCase.IsAll(state.ToText(value), UnicodeCategory.LowercaseLetter),
        ["upper"] = (state, value, _) => PythonCase.IsAll(state.ToText(value), UnicodeCategory.UppercaseLetter),
        ["odd"] = (state, value, _) => Remainder(state, value, new IntegerValue(2)) is { AsNumber: 1 },
        ["even"] = (state, value, _) => Remainder(state, value, new IntegerValue(2)) is { AsNumber: 0 },
        ["divisibleby"] = (state, value, arguments) => Remainder(state, value, arguments.One("divisibleby")) is { AsNumber: 0 },
        ["sameas"] = (_, value, arguments) => IsSame(value, arguments.One("sameas")),
        ["filter"] = (_, value, _) => value is StringValue name && FilterTable.Find(name.Text) is not null,
        ["test"] = (_, value, _) => value is StringValue name && Find(name.Text) is not null,
        ["in"] = (state, value, arguments) => PythonComparison.Contains(state.Meter, arguments.One("in"), value),
        ["=="] = Comparing("=="),
        ["eq"] = Comparing("=="),
        ["equalto"] = Comparing("=="),
        ["!="] = Comparing("!="),
        ["ne"] = Comparing("!="),
        [">"] = Comparing(">"),
        ["gt"] = Comparing(">"),
        ["greaterthan"] = Comparing(">"),
        [">="] = Comparing(">="),
        ["ge"] = Comparing(">="),
        ["<"] = Comparing("<"),
        ["lt"] = Comparing("<"),
        ["lessthan"] = Comparing("<"),
        ["<="] = Comparing("<="),
        ["le"] = Comparing("<="),
    };

    public static Test? Find(string name) => Table.GetValueOrDefault(name);

    private static Test Comparing(string symbol)
    {
        Comparison comparison = CompareExpression.Symbols[symbol];
        return (state, value, arguments) => comparison(state.Meter, value, arguments.One(symbol));
    }

    private static TemplateValue Remainder(RenderState state, TemplateValue value, TemplateValue divisor) =>
        PythonArithmetic.Modulo(state, value, divisor);

    private static bool IsSame(TemplateValue left, TemplateValue right) =>
        ReferenceEquals(left, right)
        || (left is IntegerValue a && right is IntegerValue b && a.Value == b.Value)
        || (left is StringValue c && right is StringValue d && c.Text == d.Text);
}
