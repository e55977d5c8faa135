using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>
/// The functions of the environment: Jinja2's own (3.1.6, defaults.py; lipsum left out) and the two that transformers
/// adds (5.12, chat_template_utils.py).
/// </summary>
internal static class GlobalFunctions
{
    private const int MaxRangeLength = 100_000;

    private static readonly Dictionary<string, TemplateValue> Table = new()
    {
        ["range"] = new FunctionValue("range", Range),
        ["dict"] = new FunctionValue("dict", Dict),
        ["namespace"] = new FunctionValue("namespace", (state, arguments) => new NamespaceValue(Dict(state, arguments))),
        ["cycler"] = new FunctionValue("cycler", Cycler),
        ["joiner"] = new FunctionValue("joiner", Joiner),
        ["raise_exception"] = new FunctionValue(
            "raise_exception",
            (state, arguments) =>
                throw new TemplateFault(state.ToText(arguments.Bind("raise_exception", "message")[0] ?? TemplateValue.None))
        ),
        ["strftime_now"] = new FunctionValue(
            "strftime_now",
            (state, arguments) =>
                state.Text(
                    Strftime.Format(
                        state.Clock.GetLocalNow(),
                        CallArguments.Text(arguments.Bind("strftime_now", "format")[0], "strftime_now")
                    )
                )
        ),
    };

    public static TemplateValue? Find(string name) => Table.GetValueOrDefault(name);

    private static ListValue Range(RenderState state, CallArguments arguments)
    {
        arguments.RequireCount("range", 1, 3);
        BigInteger[] bounds = [.. arguments.Positional.Select(value => (BigInteger)CallArguments.Integer(value, "range"))];
        BigInteger start = bounds.Length > 1 ? bounds[0] : 0;
        BigInteger stop = bounds.Length > 1 ? bounds[1] : bounds[0];
        BigInteger step = bounds.Length > 2 ? bounds[2] : 1;
        if (step.IsZero)
            throw new TemplateFault("range() arg 3 must not be zero");
        BigInteger count = BigInteger.Max(0, (stop - start + step - step.Sign) / step);
        if (count > MaxRangeLength)
            throw new TemplateFault($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxRangeLength}).");
        state.Meter.ChargeLength((int)count);
        return new ListValue(
            [.. Enumerable.Range(0, (int)count).Select(index => new IntegerValue(start + (step * index)))],
            SequenceKind.Range
        );
    }

    private static MapValue Dict(RenderState state, CallArguments arguments)
    {
        if (arguments.Positional.Count > 1)
            throw new TemplateFault($"dict expected at most 1 argument, got {arguments.Positional.Count}");
        MapValue map = new();
        foreach (TemplateValue source in arguments.Positional)
            AddAll(state, map, source);
        foreach ((string name, TemplateValue value) in arguments.Named)
            map.Entries[new StringValue(name)] = value;
        return map;
    }

    private static void AddAll(RenderState state, MapValue map, TemplateValue source)
    {
        IEnumerable<TemplateValue> pairs = source is MapValue other ? other.Pairs : state.Iterate(source);
        foreach (TemplateValue pair in pairs)
        {
            TemplateValue[] parts = [.. state.Iterate(pair).Take(3)];
            if (parts.Length != 2)
                throw new TemplateFault("dictionary update sequence element has a length other than 2");
            map.Entries[ValueKeyComparer.RequireHashable(parts[0])] = parts[1];
        }
    }

    private static NamespaceValue Cycler(RenderState state, CallArguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new TemplateFault("at least one item has to be provided");
        int position = 0;
        NamespaceValue cycler = new(new MapValue());
        cycler.Set("current", arguments.Positional[0]);
        cycler.Set("next", new FunctionValue("next", (_, _) => MoveTo((position + 1) % arguments.Positional.Count)));
        cycler.Set(
            "reset",
            new FunctionValue(
                "reset",
                (_, _) =>
                {
                    MoveTo(0);
                    return TemplateValue.None;
                }
            )
        );
        return cycler;

        TemplateValue MoveTo(int next)
        {
            TemplateValue before = arguments.Positional[position];
            position = next;
            cycler.Set("current", arguments.Positional[position]);
            return before;
        }
    }

    private static FunctionValue Joiner(RenderState state, CallArguments arguments)
    {
        TemplateValue separator = arguments.Bind("joiner", "sep")[0] ?? new StringValue(", ");
        bool isUsed = false;
        return new FunctionValue(
            "joiner",
            (_, _) =>
            {
                TemplateValue result = isUsed ? separator : StringValue.Empty;
                isUsed = true;
                return result;
            }
        );
    }
}
