using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>The evaluated arguments of a call, a filter or a test.</summary>
internal sealed class CallArguments(IReadOnlyList<TemplateValue> positional, OrderedDictionary<string, TemplateValue>? named = null)
{
    // Before Empty, which needs it.
    private static readonly OrderedDictionary<string, TemplateValue> NoNames = [];

    public static readonly CallArguments Empty = new([]);

    public IReadOnlyList<TemplateValue> Positional { get; } = positional;

    public OrderedDictionary<string, TemplateValue> Named { get; } = named ?? NoNames;

    /// <summary>The only argument of a function that takes one.</summary>
    public TemplateValue One(string function)
    {
        RequireCount(function, 1, 1);
        return Positional[0];
    }

    /// <summary>Refuses a wrong number of arguments, and any named one.</summary>
    public void RequireCount(string function, int fewest, int most)
    {
        if (Named.Count > 0)
            throw new TemplateFault($"{function}() takes no keyword arguments");
        if (Positional.Count < fewest || Positional.Count > most)
            throw new TemplateFault(
                $"{function}() takes {(fewest == most ? "" : "from ")}{fewest}"
                    + $"{(fewest == most ? "" : $" to {most}")} arguments ({Positional.Count} given)"
            );
    }

    /// <summary>The arguments in the order of the parameters' names, null where one is absent.</summary>
    public TemplateValue?[] Bind(string function, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
            throw new TemplateFault($"{function}() takes at most {parameters.Length} arguments ({Positional.Count} given)");
        TemplateValue?[] bound = new TemplateValue?[parameters.Length];
        for (int index = 0; index < Positional.Count; index++)
            bound[index] = Positional[index];
        foreach ((string name, TemplateValue value) in Named)
        {
            int index = parameters.IndexOf(name);
            if (index < 0)
                throw new TemplateFault($"{function}() got an unexpected keyword argument '{name}'");
            if (bound[index] is not null)
                throw new TemplateFault($"{function}() got multiple values for argument '{name}'");
            bound[index] = value;
        }
        return bound;
    }

    /// <summary>The arguments without the first positional ones.</summary>
    public CallArguments Skip(int count) => new([.. Positional.Skip(count)], Named);

    /// <summary>The string in an argument.</summary>
    public static string Text(TemplateValue? value, string function) =>
        value switch
        {
            StringValue text => text.Text,
            null => throw new TemplateFault($"{function}() misses an argument"),
            _ => throw new TemplateFault($"{function}() needs a str, not {value.TypeName}"),
        };

    /// <summary>The string in an argument that may be absent or None.</summary>
    public static string? OptionalText(TemplateValue? value, string function) => value is null or NoneValue ? null : Text(value, function);

    /// <summary>The integer in an argument, held to the range of int, or the default where it is absent.</summary>
    public static int Integer(TemplateValue? value, string function, int? absent = null)
    {
        if (value is null && absent is { } fallback)
            return fallback;
        if (value is UndefinedValue undefined)
            throw undefined.Fail();
        BigInteger integer =
            value?.AsInteger
            ?? throw new TemplateFault($"{function}(): '{value?.TypeName ?? "nothing"}' object cannot be interpreted as an integer");
        return (int)BigInteger.Clamp(integer, int.MinValue, int.MaxValue);
    }
}
