using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Strings as Python sees them: sequences of code points, with Python's idea of white space and of printable.</summary>
internal static class PythonText
{
    /// <summary>Length in code points.</summary>
    public static int Length(string text)
    {
        if (!HasSurrogates(text))
            return text.Length;
        int count = 0;
        for (int index = 0; index < text.Length; index += Width(text, index))
            count++;
        return count;
    }

    /// <summary>The string's code points, one string each.</summary>
    public static IEnumerable<string> CodePoints(string text)
    {
        for (int index = 0; index < text.Length; )
        {
            int width = Width(text, index);
            yield return text.Substring(index, width);
            index += width;
        }
    }

    /// <summary>The code point at an index, which may count from the end, or null.</summary>
    public static string? At(string text, BigInteger index)
    {
        int length = Length(text);
        if (index.Sign < 0)
            index += length;
        if (index.Sign < 0 || index >= length)
            return null;
        int offset = OffsetOf(text, (int)index);
        return text.Substring(offset, Width(text, offset));
    }

    /// <summary>A slice counted in code points.</summary>
    public static string Slice(string text, SliceBounds bounds)
    {
        int length = Length(text);
        IEnumerable<int> indices = bounds.Indices(length);
        if ((bounds.Step ?? BigInteger.One).IsOne)
            return Contiguous(text, indices, length);
        string[] points = [.. CodePoints(text)];
        return string.Concat(indices.Select(index => points[index]));
    }

    /// <summary>The UTF-16 offset of a code point's index.</summary>
    public static int OffsetOf(string text, int index)
    {
        if (!HasSurrogates(text))
            return index;
        int offset = 0;
        for (; index > 0; index--)
            offset += Width(text, offset);
        return offset;
    }

    /// <summary>The code point's index of a UTF-16 offset.</summary>
    public static int IndexOf(string text, int offset) => Length(text[..offset]);

    /// <summary>Whether Python's str.isspace holds; .NET lacks the four separators U+001C to U+001F.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\u001c' and <= '\u001f';

    /// <summary>The text without white space, or without the given characters, at the chosen ends.</summary>
    public static string Strip(string text, string? characters, bool atStart, bool atEnd)
    {
        HashSet<string>? unwanted = characters is null ? null : [.. CodePoints(characters)];
        int start = 0,
            end = text.Length;
        while (atStart && start < end && IsUnwanted(text, start, Width(text, start), unwanted))
            start += Width(text, start);
        while (atEnd && end > start)
        {
            int width = end - start > 1 && char.IsSurrogatePair(text, end - 2) ? 2 : 1;
            if (!IsUnwanted(text, end - width, width, unwanted))
                break;
            end -= width;
        }
        return text[start..end];
    }

    /// <summary>The lines of a text without their ends, at every line end that Python knows.</summary>
    public static List<string> SplitLines(string text, bool keepEnds = false)
    {
        List<string> lines = [];
        int start = 0;
        while (start < text.Length)
        {
            int end = start;
            while (end < text.Length && !IsLineEnd(text[end]))
                end++;
            int next = end == text.Length ? end : end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    /// <summary>The literal that Python's repr writes.</summary>
    public static string Repr(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        StringBuilder literal = new(text.Length + 2);
        literal.Append(quote);
        for (int index = 0; index < text.Length; )
        {
            int width = Width(text, index);
            AppendEscaped(literal, text, index, width, quote);
            index += width;
        }
        return literal.Append(quote).ToString();
    }

    /// <summary>UTF-16 units of the code point at an offset.</summary>
    public static int Width(string text, int offset) => offset + 1 < text.Length && char.IsSurrogatePair(text, offset) ? 2 : 1;

    private static bool HasSurrogates(string text) => text.AsSpan().ContainsAnyInRange('\ud800', '\udfff');

    private static string Contiguous(string text, IEnumerable<int> indices, int length)
    {
        int first = -1,
            count = 0;
        foreach (int index in indices)
        {
            first = first < 0 ? index : first;
            count++;
        }
        if (count == 0)
            return "";
        int start = OffsetOf(text, first);
        return first + count == length ? text[start..] : text[start..OffsetOf(text, first + count)];
    }

    private static bool IsUnwanted(string text, int offset, int width, HashSet<string>? unwanted) =>
        unwanted is null ? width == 1 && IsSpace(text[offset]) : unwanted.Contains(text.Substring(offset, width));

    private static bool IsLineEnd(char character) =>
        character is >= '\n' and <= '\r' or >= '\u001c' and <= '\u001e' or '\u0085' or '\u2028' or '\u2029';

    private static void AppendEscaped(StringBuilder literal, string text, int offset, int width, char quote)
    {
        char first = text[offset];
        int codePoint = width == 2 ? char.ConvertToUtf32(text, offset) : first;
        string? escape = first switch
        {
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ when first == quote => "\\" + quote,
            _ when IsPrintable(codePoint) => null,
            _ => codePoint < 0x100 ? $"\\x{codePoint:x2}"
            : codePoint < 0x10000 ? $"\\u{codePoint:x4}"
            : $"\\U{codePoint:x8}",
        };
        if (escape is null)
            literal.Append(text, offset, width);
        else
            literal.Append(escape);
    }

    private static bool IsPrintable(int codePoint) =>
        codePoint == ' '
        || CharUnicodeInfo.GetUnicodeCategory(codePoint)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.SpaceSeparator
            );
}
