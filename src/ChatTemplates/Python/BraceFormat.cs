using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Python's <c>"...".format(...)</c>.</summary>
internal static class BraceFormat
{
    private const int MaxSpecDepth = 2;

    public static StringValue Apply(RenderState state, StringValue format, CallArguments arguments)
    {
        int nextIndex = 0;
        string text = Expand(state, format.Text, arguments, MaxSpecDepth, ref nextIndex);
        return new StringValue(state.Text(text).Text, format.IsMarkup);
    }

    private static string Expand(RenderState state, string format, CallArguments arguments, int depth, ref int nextIndex)
    {
        if (depth == 0)
            throw new TemplateFault("Max string recursion exceeded");
        StringBuilder text = new();
        for (int index = 0; index < format.Length; index++)
        {
            char current = format[index];
            bool isDoubled = index + 1 < format.Length && format[index + 1] == current;
            if (current is '{' or '}' && isDoubled)
                index++;
            if (current is not ('{' or '}') || isDoubled)
                text.Append(current);
            else if (current == '}')
                throw new TemplateFault("Single '}' encountered in format string");
            else
            {
                int end = FieldEnd(format, index + 1);
                text.Append(Field(state, format[(index + 1)..end], arguments, depth, ref nextIndex));
                index = end;
            }
            state.Meter.RequireLength(text.Length);
        }
        return text.ToString();
    }

    private static int FieldEnd(string format, int start)
    {
        int depth = 1;
        for (int index = start; index < format.Length; index++)
        {
            depth += format[index] switch
            {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if (depth == 0)
                return index;
        }
        throw new TemplateFault(start == format.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
    }

    private static string Field(RenderState state, string field, CallArguments arguments, int depth, ref int nextIndex)
    {
        int nameEnd = field.AsSpan().IndexOfAny('!', ':') is var end && end >= 0 ? end : field.Length;
        string path = field[..nameEnd];
        char conversion = nameEnd < field.Length && field[nameEnd] == '!' && nameEnd + 1 < field.Length ? field[nameEnd + 1] : '\0';
        int specStart = conversion == '\0' ? nameEnd : nameEnd + 2;
        if (specStart < field.Length && field[specStart] != ':')
            throw new TemplateFault("expected ':' after conversion specifier");
        TemplateValue value = Lookup(state, path, arguments, ref nextIndex);
        string spec = specStart < field.Length ? Expand(state, field[(specStart + 1)..], arguments, depth - 1, ref nextIndex) : "";
        return FormatSpec.Parse(spec).Apply(state, Convert(state, value, conversion));
    }

    private static TemplateValue Convert(RenderState state, TemplateValue value, char conversion)
    {
        switch (conversion)
        {
            case '\0':
                return value;
            case 's':
                return new StringValue(state.ToText(value));
            case 'r' or 'a':
                ValueWriter writer = new(new StringBuilder(), state.Meter);
                value.WriteRepr(writer);
                return new StringValue(writer.ToString());
            default:
                throw new TemplateFault($"Unknown conversion specifier {conversion}");
        }
    }

    private static TemplateValue Lookup(RenderState state, string path, CallArguments arguments, ref int nextIndex)
    {
        int end = path.AsSpan().IndexOfAny('.', '[') is var found && found >= 0 ? found : path.Length;
        TemplateValue value = Argument(path[..end], arguments, ref nextIndex);
        while (end < path.Length)
        {
            int start = end + 1;
            if (path[end] == '.')
            {
                end = path.AsSpan(start).IndexOfAny('.', '[') is var next && next >= 0 ? start + next : path.Length;
                value = ValueAccess.Attribute(state, value, path[start..end]);
                continue;
            }
            end = path.IndexOf(']', start);
            if (end < 0)
                throw new TemplateFault("Missing ']' in format string");
            string key = path[start..end++];
            value = ValueAccess.Item(
                state,
                value,
                long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    ? new IntegerValue(number)
                    : new StringValue(key)
            );
        }
        return value;
    }

    private static TemplateValue Argument(string name, CallArguments arguments, ref int nextIndex)
    {
        if (name.Length > 0 && !char.IsAsciiDigit(name[0]))
            return arguments.Named.TryGetValue(name, out TemplateValue? named) ? named : throw new TemplateFault(PythonText.Repr(name));
        int index =
            name.Length == 0 ? nextIndex++
            : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given
            : -1;
        return index >= 0 && index < arguments.Positional.Count
            ? arguments.Positional[index]
            : throw new TemplateFault($"Replacement index {index} out of range for positional args tuple");
    }
}
