using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>Python's ==, &lt; and in.</summary>
internal static class PythonComparison
{
    public static bool Equal(RenderMeter meter, TemplateValue left, TemplateValue right)
    {
        meter.Step();
        if (ReferenceEquals(left, right))
            return left is not FloatValue { Value: double.NaN };
        if (left.AsNumber is not null && right.AsNumber is not null)
            return Numbers(left, right) == 0;
        return (left, right) switch
        {
            (StringValue a, StringValue b) => EqualText(meter, a.Text, b.Text),
            (ListValue a, ListValue b) => a.Kind == b.Kind && EqualItems(meter, a.Values, b.Values),
            (MapValue a, MapValue b) => EqualMaps(meter, a, b),
            (UndefinedValue, UndefinedValue) => true,
            _ => false,
        };
    }

    /// <summary>Less than zero, zero or more than zero; null when a NaN makes both unordered.</summary>
    public static int? Order(RenderMeter meter, TemplateValue left, TemplateValue right, string symbol)
    {
        meter.Step();
        if (left is UndefinedValue undefined || (undefined = (right as UndefinedValue)!) is not null)
            throw undefined.Fail();
        if (left.AsNumber is not null && right.AsNumber is not null)
            return Numbers(left, right);
        return (left, right) switch
        {
            (StringValue a, StringValue b) => OrderText(meter, a.Text, b.Text),
            (ListValue a, ListValue b) when a.Kind == b.Kind && a.Kind != SequenceKind.Range => OrderItems(
                meter,
                a.Values,
                b.Values,
                symbol
            ),
            _ => throw new TemplateFault($"'{symbol}' not supported between instances of '{left.TypeName}' and '{right.TypeName}'"),
        };
    }

    /// <summary>Whether a container holds an item, or a string a substring.</summary>
    public static bool Contains(RenderMeter meter, TemplateValue container, TemplateValue item)
    {
        meter.Step();
        switch (container)
        {
            case StringValue text:
                StringValue part =
                    item as StringValue ?? throw new TemplateFault($"'in <string>' requires string as left operand, not {item.TypeName}");
                meter.ChargeSearch(text.Text.Length, part.Text.Length);
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case MapValue map:
                return map.Entries.ContainsKey(ValueKeyComparer.RequireHashable(item));
            default:
                IEnumerable<TemplateValue> items =
                    container.Items ?? throw new TemplateFault($"argument of type '{container.TypeName}' is not a container or iterable");
                return items.Any(candidate => Equal(meter, candidate, item));
        }
    }

    /// <summary>The order of two numbers of any kind, exact between integers and floats; null for a NaN.</summary>
    public static int? Numbers(TemplateValue left, TemplateValue right)
    {
        if (left.AsInteger is { } a && right.AsInteger is { } b)
            return a.CompareTo(b);
        double x = left.AsNumber!.Value,
            y = right.AsNumber!.Value;
        if (double.IsNaN(x) || double.IsNaN(y))
            return null;
        if (double.IsInfinity(x) || double.IsInfinity(y) || x != y)
            return x.CompareTo(y);
        return (left.AsInteger ?? new BigInteger(x)).CompareTo(right.AsInteger ?? new BigInteger(y));
    }

    /// <summary>The order of two strings by code points; UTF-16 puts the surrogates before U+E000.</summary>
    public static int OrderText(RenderMeter meter, string left, string right)
    {
        meter.ChargeLength(Math.Min(left.Length, right.Length));
        int same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
            return left.Length.CompareTo(right.Length);
        bool leftIsSurrogate = char.IsSurrogate(left[same]),
            rightIsSurrogate = char.IsSurrogate(right[same]);
        return leftIsSurrogate == rightIsSurrogate ? left[same].CompareTo(right[same])
            : leftIsSurrogate ? 1
            : -1;
    }

    private static bool EqualText(RenderMeter meter, string left, string right)
    {
        if (left.Length != right.Length)
            return false;
        meter.ChargeLength(left.Length);
        return left == right;
    }

    private static bool EqualItems(RenderMeter meter, IReadOnlyList<TemplateValue> left, IReadOnlyList<TemplateValue> right)
    {
        if (left.Count != right.Count)
            return false;
        meter.Enter();
        bool equal = true;
        for (int index = 0; equal && index < left.Count; index++)
            equal = Equal(meter, left[index], right[index]);
        meter.Leave();
        return equal;
    }

    private static bool EqualMaps(RenderMeter meter, MapValue left, MapValue right)
    {
        if (left.Entries.Count != right.Entries.Count)
            return false;
        meter.Enter();
        bool equal = left.Entries.All(entry =>
            right.Entries.TryGetValue(entry.Key, out TemplateValue? other) && Equal(meter, entry.Value, other)
        );
        meter.Leave();
        return equal;
    }

    private static int? OrderItems(RenderMeter meter, IReadOnlyList<TemplateValue> left, IReadOnlyList<TemplateValue> right, string symbol)
    {
        meter.Enter();
        int index = 0;
        while (index < left.Count && index < right.Count && Equal(meter, left[index], right[index]))
            index++;
        int? order =
            index == left.Count || index == right.Count
                ? left.Count.CompareTo(right.Count)
                : Order(meter, left[index], right[index], symbol);
        meter.Leave();
        return order;
    }
}
