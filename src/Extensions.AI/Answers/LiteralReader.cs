using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tessera.Extensions.AI;

/// <summary>
/// Reads values as Python and Gemma 4 write them, and writes them as JSON: strings in either quotes or in <c>&lt;|"|&gt;</c>, True and
/// None as well as true and null, keys with quotes or without.
/// </summary>
/// <param name="text">The text.</param>
internal sealed class LiteralReader(string text)
{
    private const string RawQuote = "<|\"|>";
    private const int MaxDepth = 60;
    private readonly StringBuilder json = new();

    /// <summary>Where the reader is.</summary>
    public int Position { get; set; }

    /// <summary>The JSON so far.</summary>
    public string Json => json.ToString();

    /// <summary>Adds JSON.</summary>
    public void Write(string piece) => json.Append(piece);

    /// <summary>Adds a text as a JSON string; halves of characters become U+FFFD.</summary>
    public void WriteText(string value) => json.Append('"').Append(JsonEncodedText.Encode(Encoding.UTF8.GetBytes(value))).Append('"');

    /// <summary>Whether a text is an object or list of Python's, and that as JSON.</summary>
    public static bool IsPython(string text, out string? json)
    {
        json = null;
        if (!text.StartsWith('{') && !text.StartsWith('['))
            return false;
        if (
            !text.Contains('\'', StringComparison.Ordinal)
            && !text.Contains("True", StringComparison.Ordinal)
            && !text.Contains("False", StringComparison.Ordinal)
            && !text.Contains("None", StringComparison.Ordinal)
        )
            return false;
        var reader = new LiteralReader(text);
        if (!reader.TryValue() || !reader.IsOver)
            return false;
        json = reader.Json;
        return true;
    }

    /// <summary>Whether nothing but white space is left.</summary>
    public bool IsOver
    {
        get
        {
            SkipSpace();
            return Position == text.Length;
        }
    }

    /// <summary>Passes white space and then a character, if it is there.</summary>
    public bool TrySkip(char character)
    {
        SkipSpace();
        if (Position >= text.Length || text[Position] != character)
            return false;
        Position++;
        return true;
    }

    /// <summary>Reads a name: letters, digits and what functions have besides.</summary>
    public string Name()
    {
        SkipSpace();
        int start = Position;
        while (Position < text.Length && (char.IsLetterOrDigit(text[Position]) || text[Position] is '_' or '.' or '-' or '$' or '/'))
            Position++;
        return text[start..Position];
    }

    /// <summary>Reads a value and writes it; false if there is none that is well-formed.</summary>
    public bool TryValue(int depth = 0)
    {
        SkipSpace();
        if (Position >= text.Length || depth > MaxDepth)
            return false;
        return text[Position] switch
        {
            '{' => TryMembers(depth),
            '[' => TryItems(depth),
            '"' or '\'' or '<' => TryText(),
            _ => TryWord(),
        };
    }

    private bool TryMembers(int depth)
    {
        Position++;
        json.Append('{');
        for (bool isFirst = true; !TrySkip('}'); isFirst = false)
        {
            if (!isFirst && !TrySkip(','))
                return false;
            if (!isFirst && TrySkip('}'))
                break;
            if (!isFirst)
                json.Append(',');
            if (!TryKey() || !TrySkip(':'))
                return false;
            json.Append(':');
            if (!TryValue(depth + 1))
                return false;
        }

        json.Append('}');
        return true;
    }

    private bool TryItems(int depth)
    {
        Position++;
        json.Append('[');
        for (bool isFirst = true; !TrySkip(']'); isFirst = false)
        {
            if (!isFirst && !TrySkip(','))
                return false;
            if (!isFirst && TrySkip(']'))
                break;
            if (!isFirst)
                json.Append(',');
            if (!TryValue(depth + 1))
                return false;
        }

        json.Append(']');
        return true;
    }

    private bool TryKey()
    {
        SkipSpace();
        if (Position < text.Length && text[Position] is '"' or '\'' or '<')
            return TryText();
        int start = Position;
        while (Position < text.Length && text[Position] is not (':' or ',' or '{' or '}' or '\n'))
            Position++;
        if (Position == start)
            return false;
        WriteText(text[start..Position].Trim());
        return true;
    }

    private bool TryWord()
    {
        int start = Position;
        while (Position < text.Length && text[Position] is not (',' or ']' or '}' or ')' or ':') && !char.IsWhiteSpace(text[Position]))
            Position++;
        string word = text[start..Position];
        string? value = word switch
        {
            "True" or "true" => "true",
            "False" or "false" => "false",
            "None" or "null" => "null",
            _ => IsNumber(word) ? word : null,
        };
        json.Append(value);
        return value is not null;
    }

    // As JSON has numbers, which Python reads too; JSON itself refuses the rest later.
    private static bool IsNumber(string word) =>
        word.Length is > 0 and < 400
        && (char.IsAsciiDigit(word[^1]) && double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out _));

    private bool TryText()
    {
        if (text.AsSpan(Position).StartsWith(RawQuote, StringComparison.Ordinal))
        {
            int end = text.IndexOf(RawQuote, Position + RawQuote.Length, StringComparison.Ordinal);
            if (end < 0)
                return false;
            WriteText(text[(Position + RawQuote.Length)..end]);
            Position = end + RawQuote.Length;
            return true;
        }

        char quote = text[Position];
        if (quote == '<')
            return false;
        var value = new StringBuilder();
        for (Position++; Position < text.Length && text[Position] != quote; Position++)
        {
            if (text[Position] == '\\' && Position + 1 < text.Length)
                AppendEscape(value);
            else
                value.Append(text[Position]);
        }

        if (Position++ >= text.Length)
            return false;
        WriteText(value.ToString());
        return true;
    }

    // Escapes of JSON and Python; what is none stays as it is written.
    private void AppendEscape(StringBuilder value)
    {
        char kind = text[++Position];
        int digits = kind switch
        {
            'x' => 2,
            'u' => 4,
            _ => 0,
        };
        if (
            digits > 0
            && Position + digits < text.Length
            && int.TryParse(text.AsSpan(Position + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
        )
        {
            value.Append((char)code);
            Position += digits;
            return;
        }

        int simple = "nrtbf\\'\"/".IndexOf(kind, StringComparison.Ordinal);
        if (simple >= 0)
            value.Append("\n\r\t\b\f\\'\"/"[simple]);
        else
            value.Append('\\').Append(kind);
    }

    private void SkipSpace()
    {
        while (Position < text.Length && char.IsWhiteSpace(text[Position]))
            Position++;
    }
}
