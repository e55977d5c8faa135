using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>The escapes of Python's string literals.</summary>
internal static class StringLiteral
{
    /// <summary>The string that a literal's inside stands for.</summary>
    public static string Unescape(string literal, int offset)
    {
        if (!literal.Contains('\\', StringComparison.Ordinal))
            return literal;
        StringBuilder text = new(literal.Length);
        for (int index = 0; index < literal.Length; index++)
        {
            if (literal[index] != '\\')
                text.Append(literal[index]);
            else
                index = AppendEscape(text, literal, index + 1, offset);
        }
        return text.ToString();
    }

    /// <summary>Appends what the escape at an index means; returns the index of its last character.</summary>
    private static int AppendEscape(StringBuilder text, string literal, int index, int offset)
    {
        char code = literal[index];
        if (code is 'x' or 'u' or 'U')
            return AppendHex(
                text,
                literal,
                index,
                code == 'x' ? 2
                    : code == 'u' ? 4
                    : 8,
                offset
            );
        if (code is >= '0' and <= '7')
            return AppendOctal(text, literal, index);
        if (code == 'N')
            throw new TemplateFault("characters by name (\\N) are not supported in strings") { Offset = offset };
        string? simple = code switch
        {
            '\n' => "",
            '\\' or '\'' or '"' => code.ToString(),
            'a' => "\a",
            'b' => "\b",
            'f' => "\f",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\v",
            _ => null,
        };
        text.Append(simple ?? "\\" + code);
        return index;
    }

    private static int AppendHex(StringBuilder text, string literal, int index, int digitCount, int offset)
    {
        int end = index + 1 + digitCount;
        if (
            end > literal.Length
            || !int.TryParse(
                literal.AsSpan(index + 1, digitCount),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out int codePoint
            )
            || codePoint is < 0 or > 0x10FFFF
        )
            throw new TemplateFault($"truncated or wrong \\{literal[index]} escape in a string") { Offset = offset };
        if (codePoint < 0x10000)
            text.Append((char)codePoint);
        else
            text.Append(char.ConvertFromUtf32(codePoint));
        return end - 1;
    }

    private static int AppendOctal(StringBuilder text, string literal, int index)
    {
        int value = 0,
            end = index;
        while (end < literal.Length && end < index + 3 && literal[end] is >= '0' and <= '7')
            value = (value * 8) + (literal[end++] - '0');
        text.Append((char)value);
        return end - 1;
    }
}
