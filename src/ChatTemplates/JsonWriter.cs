using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Python's json.dumps, as transformers' tojson filter calls it (5.12, chat_template_utils.py).</summary>
internal sealed class JsonWriter(RenderMeter meter)
{
    private readonly StringBuilder text = new();

    /// <summary>Escapes everything beyond ASCII.</summary>
    public bool EnsureAscii { get; init; }

    /// <summary>What indents one level, or null for one line.</summary>
    public string? Indent { get; init; }

    public bool SortKeys { get; init; }

    public string ItemSeparator { get; init; } = ", ";

    public string KeySeparator { get; init; } = ": ";

    public string Write(TemplateValue value)
    {
        WriteValue(value, 0);
        return text.ToString();
    }

    private void WriteValue(TemplateValue value, int level)
    {
        meter.Step();
        switch (value)
        {
            case StringValue text:
                WriteString(text.Text);
                break;
            case NoneValue or BooleanValue or IntegerValue or FloatValue:
                Append(Scalar(value));
                break;
            case ListValue { Kind: not SequenceKind.Range } list:
                WriteAll(list.Values, "[", "]", level, item => WriteValue(item, level + 1));
                break;
            case MapValue map:
                WriteAll(Sorted(map), "{", "}", level, entry => WriteEntry(entry, level + 1));
                break;
            default:
                throw new TemplateFault($"Object of type {value.TypeName} is not JSON serializable");
        }
    }

    private void WriteAll<T>(IReadOnlyCollection<T> items, string opening, string closing, int level, Action<T> write)
    {
        meter.Enter();
        Append(opening);
        bool isFirst = true;
        foreach (T item in items)
        {
            if (!isFirst)
                Append(ItemSeparator);
            isFirst = false;
            NewLine(level + 1);
            write(item);
        }
        if (items.Count > 0)
            NewLine(level);
        Append(closing);
        meter.Leave();
    }

    private void WriteEntry(KeyValuePair<TemplateValue, TemplateValue> entry, int level)
    {
        WriteString(
            entry.Key switch
            {
                StringValue text => text.Text,
                NoneValue or BooleanValue or IntegerValue or FloatValue => Scalar(entry.Key),
                _ => throw new TemplateFault($"keys must be str, int, float, bool or None, not {entry.Key.TypeName}"),
            }
        );
        Append(KeySeparator);
        WriteValue(entry.Value, level);
    }

    private IReadOnlyCollection<KeyValuePair<TemplateValue, TemplateValue>> Sorted(MapValue map) =>
        !SortKeys ? map.Entries : PythonSort.By(meter, map.Entries, entry => entry.Key, isReversed: false);

    private void NewLine(int level)
    {
        if (Indent is null)
            return;
        meter.RequireLength((long)Indent.Length * level);
        Append("\n");
        for (int count = 0; count < level; count++)
            Append(Indent);
    }

    private void WriteString(string text)
    {
        Append("\"");
        int start = 0;
        for (int index = 0; index < text.Length; index++)
        {
            if (Escape(text[index]) is not { } escape)
                continue;
            Append(text[start..index]);
            Append(escape);
            start = index + 1;
        }
        Append(text[start..]);
        Append("\"");
    }

    private string? Escape(char character) =>
        character switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\f' => "\\f",
            '\b' => "\\b",
            < ' ' => Unicode(character),
            > '~' when EnsureAscii && character != '\u007f' => Unicode(character),
            _ => null,
        };

    private static string Unicode(char character) => "\\u" + ((int)character).ToString("x4", CultureInfo.InvariantCulture);

    private static string Scalar(TemplateValue value) =>
        value switch
        {
            NoneValue => "null",
            BooleanValue flag => flag.Value ? "true" : "false",
            FloatValue { Value: double.NaN } => "NaN",
            FloatValue { Value: double.PositiveInfinity } => "Infinity",
            FloatValue { Value: double.NegativeInfinity } => "-Infinity",
            _ => value.ToString(),
        };

    private void Append(string text)
    {
        meter.RequireLength((long)this.text.Length + text.Length);
        meter.ChargeLength(text.Length);
        this.text.Append(text);
    }
}
