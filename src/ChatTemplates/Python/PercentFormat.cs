using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Python's <c>"..." % values</c>.</summary>
internal static class PercentFormat
{
    public static StringValue Apply(RenderState state, StringValue format, TemplateValue values)
    {
        Cursor cursor = new(state, format, values);
        StringBuilder text = new();
        while (!cursor.IsAtEnd)
        {
            text.Append(cursor.Next());
            state.Meter.RequireLength(text.Length);
        }
        cursor.RequireAllUsed();
        return new StringValue(state.Text(text.ToString()).Text, format.IsMarkup);
    }

    private sealed class Cursor(RenderState state, StringValue format, TemplateValue values)
    {
        private readonly IReadOnlyList<TemplateValue> queue = values is ListValue { Kind: SequenceKind.Tuple } tuple
            ? tuple.Values
            : [values];
        private int index;
        private int used;

        public bool IsAtEnd => index >= format.Text.Length;

        public string Next()
        {
            string text = format.Text;
            if (text[index] != '%')
            {
                int end = text.IndexOf('%', index);
                int start = index;
                index = end < 0 ? text.Length : end;
                return text[start..index];
            }
            index++;
            return Field();
        }

        public void RequireAllUsed()
        {
            if (used < queue.Count && values is not (MapValue or ListValue { Kind: SequenceKind.List }))
                throw new TemplateFault("not all arguments converted during string formatting");
        }

        private string Field()
        {
            TemplateValue? keyed = Current() == '(' ? Keyed() : null;
            FormatSpec spec = Flags();
            int? width = Current() == '*' ? Star() : FormatSpec.Digits(format.Text, ref index);
            spec = width < 0 ? spec with { Width = -width.Value, Align = '<' } : spec with { Width = width ?? 0 };
            if (Current() == '.')
            {
                index++;
                spec = spec with { Precision = Current() == '*' ? Star() : FormatSpec.Digits(format.Text, ref index) ?? 0 };
            }
            while (Current() is 'h' or 'l' or 'L')
                index++;
            char type = Current();
            index++;
            return type == '%' ? "%" : Write(spec, type, keyed ?? Take());
        }

        private char Current() => index < format.Text.Length ? format.Text[index] : throw new TemplateFault("incomplete format");

        private TemplateValue Keyed()
        {
            int end = format.Text.IndexOf(')', index);
            if (end < 0)
                throw new TemplateFault("incomplete format key");
            StringValue key = new(format.Text[(index + 1)..end]);
            index = end + 1;
            MapValue map = values as MapValue ?? throw new TemplateFault("format requires a mapping");
            return map.GetItem(key) ?? throw new TemplateFault(PythonText.Repr(key.Text));
        }

        private FormatSpec Flags()
        {
            FormatSpec spec = new();
            for (; ; index++)
            {
                switch (Current())
                {
                    case '-':
                        spec = spec with { Align = '<', Fill = ' ' };
                        break;
                    case '0' when spec.Align != '<':
                        spec = spec with { Align = '=', Fill = '0' };
                        break;
                    case '0':
                        break;
                    case '+':
                        spec = spec with { Sign = '+' };
                        break;
                    case ' ' when spec.Sign != '+':
                        spec = spec with { Sign = ' ' };
                        break;
                    case ' ':
                        break;
                    case '#':
                        spec = spec with { IsAlternate = true };
                        break;
                    default:
                        return spec;
                }
            }
        }

        private int Star()
        {
            index++;
            return CallArguments.Integer(Take(), "*");
        }

        private TemplateValue Take() =>
            used < queue.Count ? queue[used++] : throw new TemplateFault("not enough arguments for format string");

        private string Write(FormatSpec spec, char type, TemplateValue value)
        {
            switch (type)
            {
                case 's' or 'r' or 'a':
                    FormatSpec textSpec = spec with { Fill = ' ', Align = spec.Align == '<' ? '<' : '>', Type = 's' };
                    return textSpec.Apply(state, Escaped(type == 's' ? value : new StringValue(Repr(value))));
                case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'c':
                    FormatSpec integerSpec = spec with { Type = type is 'i' or 'u' ? 'd' : type, Precision = null };
                    if (type == 'c' && value is StringValue)
                        return (spec with { Type = 's', Align = spec.Align == '<' ? '<' : '>' }).Apply(state, value);
                    return integerSpec.Apply(state, Whole(type, value));
                case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                    double number = value.AsNumber ?? throw new TemplateFault($"must be real number, not {value.TypeName}");
                    return (spec with { Type = type }).Apply(state, new FloatValue(number));
                default:
                    throw new TemplateFault($"unsupported format character '{type}'");
            }
        }

        private static IntegerValue Whole(char type, TemplateValue value) =>
            value.AsInteger is { } integer ? new IntegerValue(integer)
            : value is FloatValue number && double.IsFinite(number.Value) && type is 'd' or 'i' or 'u'
                ? new IntegerValue(new System.Numerics.BigInteger(value.AsNumber!.Value))
            : throw new TemplateFault($"%{type} format: an integer is required, not {value.TypeName}");

        private string Repr(TemplateValue value)
        {
            ValueWriter writer = new(new StringBuilder(), state.Meter);
            value.WriteRepr(writer);
            return writer.ToString();
        }

        private TemplateValue Escaped(TemplateValue value) =>
            format.IsMarkup && value is not StringValue { IsMarkup: true }
                ? new StringValue(StringValue.Escape(state.ToText(value)))
                : value;
    }
}
