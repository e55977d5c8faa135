using System.Text.Json;

namespace Tessera.Extensions.AI;

/// <summary>Reads arguments that are written one by one between tags.</summary>
/// <param name="syntax">The tags.</param>
/// <param name="callEnd">What ends the call.</param>
internal sealed class TaggedArguments(ArgumentSyntax syntax, string callEnd)
{
    private const int MaxKeyLength = 256;
    private const int MaxCount = 1000;
    private const string DataStart = "<![CDATA[",
        DataEnd = "]]>";
    private readonly string keyStart = syntax.KeyStart.Trim(),
        keyEnd = syntax.KeyEnd.Trim(),
        valueStart = syntax.ValueStart.Trim(),
        valueEnd = syntax.ValueEnd.Trim();

    /// <summary>Reads the rest of a call.</summary>
    /// <param name="body">The text.</param>
    /// <param name="start">Where the arguments begin.</param>
    /// <param name="id">The call's id, or null.</param>
    /// <param name="name">The function.</param>
    /// <param name="atEnd">Whether nothing more comes.</param>
    /// <param name="tools">What may be called.</param>
    /// <returns>The index behind the call, negative while more is needed, and the call.</returns>
    public (int End, ParsedCall? Call) Read(string body, int start, string? id, string name, bool atEnd, OfferedTools tools)
    {
        var values = new Dictionary<string, object?>();
        int position = start;
        while (values.Count <= MaxCount)
        {
            while (position < body.Length && char.IsWhiteSpace(body[position]))
                position++;
            ReadOnlySpan<char> rest = body.AsSpan(position);
            if (rest.StartsWith(callEnd, StringComparison.Ordinal))
                return (position + callEnd.Length, new ParsedCall(id, name, values));
            if (!rest.StartsWith(keyStart, StringComparison.Ordinal))
                break;
            int behind = ReadArgument(body, position + keyStart.Length, name, values, tools);
            if (behind < 0)
                break;
            position = behind;
        }

        int close = body.IndexOf(callEnd, position, StringComparison.Ordinal);
        if (close < 0 && !atEnd)
            return (-1, null);
        int over = close >= 0 ? close : body.Length;
        return (close >= 0 ? close + callEnd.Length : over, new ParsedCall(id, name, null, new ToolCallFormatException(body[start..over])));
    }

    private int ReadArgument(string body, int start, string function, Dictionary<string, object?> values, OfferedTools tools)
    {
        int keyLength = body.AsSpan(start).IndexOf(keyEnd, StringComparison.Ordinal);
        if (keyLength is < 0 or > MaxKeyLength)
            return -1;
        string key = body.Substring(start, keyLength).Trim();
        int between = start + keyLength + keyEnd.Length;
        int toValue = body.AsSpan(between).IndexOf(valueStart, StringComparison.Ordinal);
        if (toValue is < 0 or > MaxKeyLength)
            return -1;
        string mark = body.Substring(between, toValue).Trim();
        int value = between + toValue + valueStart.Length;
        int length = body.AsSpan(value).IndexOf(valueEnd, StringComparison.Ordinal);
        if (length < 0)
            return -1;
        string written = body.Substring(value, length);
        values[key] =
            mark.Length == 0 ? ValueOf(written, tools.KindOf(function, key))
            : mark == syntax.TextMark.Trim() ? ValueOf(written, ArgumentKind.Text)
            : Marked(written);
        return value + length + valueEnd.Length;
    }

    // Values are written as they are, strings without quotes; what reads as JSON is meant as JSON, unless the schema has only text.
    private static JsonElement? ValueOf(string written, ArgumentKind kind)
    {
        string value = written.StartsWith('\n') ? written[1..] : written;
        if (value.EndsWith('\n'))
            value = value[..^1];
        bool isData = value.StartsWith(DataStart, StringComparison.Ordinal) && value.EndsWith(DataEnd, StringComparison.Ordinal);
        if (isData)
            value = value[DataStart.Length..^DataEnd.Length];
        if (kind == ArgumentKind.TextOrNull && value == "null")
            return null;
        bool mayBeJson = kind is ArgumentKind.Any or ArgumentKind.Json && !isData;
        return mayBeJson && JsonOf(value) is { ValueKind: not JsonValueKind.String } json
            ? json.ValueKind == JsonValueKind.Null
                ? null
                : json
            : TextOf(value);
    }

    private static JsonElement? Marked(string written) =>
        JsonOf(written) is not { } json ? TextOf(written)
        : json.ValueKind == JsonValueKind.Null ? null
        : json;

    private static JsonElement? JsonOf(string value)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(LiteralReader.IsPython(value, out string? json) ? json! : value);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonElement TextOf(string value)
    {
        using JsonDocument text = JsonDocument.Parse($"\"{JsonEncodedText.Encode(value)}\"");
        return text.RootElement.Clone();
    }
}
