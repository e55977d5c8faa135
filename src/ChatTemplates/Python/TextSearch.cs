namespace Tessera.ChatTemplates;

/// <summary>Splitting, replacing and finding as Python's str does them, with the cost counted.</summary>
internal static class TextSearch
{
    /// <summary>Splits at a separator, or at runs of white space where it is null.</summary>
    public static List<string> Split(RenderState state, string text, string? separator, int most, bool fromEnd)
    {
        if (separator is { Length: 0 })
            throw new TemplateFault("empty separator");
        state.Meter.ChargeSearch(text.Length, separator?.Length ?? 1);
        int limit = most < 0 ? int.MaxValue : most;
        List<string> parts = separator is null
            ? fromEnd
                ? WordsFromEnd(text, limit)
                : Words(text, limit)
            : fromEnd
                ? PartsFromEnd(text, separator, limit)
                : Parts(text, separator, limit);
        state.Meter.Charge(parts.Count);
        return parts;
    }

    /// <summary>Replaces up to <paramref name="most"/> occurrences, all where it is negative.</summary>
    public static string Replace(RenderState state, string text, string old, string replacement, int most)
    {
        state.Meter.ChargeSearch(text.Length, old.Length);
        int limit = most < 0 ? int.MaxValue : most;
        if (old.Length == 0)
            return Interleave(state, text, replacement, limit);
        int count = Math.Min(limit, text.AsSpan().Count(old));
        long length = text.Length + ((long)count * (replacement.Length - old.Length));
        state.Meter.RequireLength(length);
        state.Meter.ChargeLength((int)length);
        return count == 0 ? text
            : limit == int.MaxValue ? text.Replace(old, replacement, StringComparison.Ordinal)
            : string.Join(replacement, Parts(text, old, limit));
    }

    /// <summary>The index in code points of the first or last occurrence between two bounds, or -1.</summary>
    public static int Find(RenderState state, string text, string wanted, SliceBounds bounds, bool fromEnd)
    {
        state.Meter.ChargeSearch(text.Length, wanted.Length);
        int length = PythonText.Length(text);
        int first = bounds.Start is { } start ? Index(start, length) : 0;
        if (bounds.Start > length)
            return -1;
        string window = PythonText.Slice(text, bounds);
        int offset = fromEnd
            ? wanted.Length == 0
                ? window.Length
                : window.LastIndexOf(wanted, StringComparison.Ordinal)
            : window.IndexOf(wanted, StringComparison.Ordinal);
        return offset < 0 ? -1 : first + PythonText.IndexOf(window, offset);
    }

    private static int Index(System.Numerics.BigInteger value, int length) =>
        (int)System.Numerics.BigInteger.Clamp(value.Sign < 0 ? value + length : value, 0, length);

    private static List<string> Parts(string text, string separator, int limit)
    {
        List<string> parts = [];
        int start = 0;
        for (int found; parts.Count < limit && (found = text.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; )
        {
            parts.Add(text[start..found]);
            start = found + separator.Length;
        }
        parts.Add(text[start..]);
        return parts;
    }

    private static List<string> PartsFromEnd(string text, string separator, int limit)
    {
        List<string> parts = [];
        int end = text.Length;
        for (int found; parts.Count < limit && (found = text.AsSpan(0, end).LastIndexOf(separator)) >= 0; )
        {
            parts.Add(text[(found + separator.Length)..end]);
            end = found;
        }
        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static List<string> Words(string text, int limit)
    {
        List<string> words = [];
        for (int start = SkipSpace(text, 0); start < text.Length; )
        {
            int end = words.Count == limit ? text.Length : start;
            while (end < text.Length && !PythonText.IsSpace(text[end]))
                end++;
            words.Add(text[start..end]);
            start = SkipSpace(text, end);
        }
        return words;
    }

    private static List<string> WordsFromEnd(string text, int limit)
    {
        List<string> words = [];
        for (int end = SkipSpaceBack(text, text.Length); end > 0; )
        {
            int start = words.Count == limit ? 0 : end;
            while (start > 0 && !PythonText.IsSpace(text[start - 1]))
                start--;
            words.Add(text[start..end]);
            end = SkipSpaceBack(text, start);
        }
        words.Reverse();
        return words;
    }

    private static int SkipSpaceBack(string text, int end)
    {
        while (end > 0 && PythonText.IsSpace(text[end - 1]))
            end--;
        return end;
    }

    private static int SkipSpace(string text, int index)
    {
        while (index < text.Length && PythonText.IsSpace(text[index]))
            index++;
        return index;
    }

    private static string Interleave(RenderState state, string text, string inserted, int limit)
    {
        string[] points = [.. PythonText.CodePoints(text)];
        int count = Math.Min(limit, points.Length + 1);
        state.Meter.RequireLength(text.Length + ((long)count * inserted.Length));
        System.Text.StringBuilder result = new();
        for (int index = 0; index <= points.Length; index++)
            result.Append(index < count ? inserted : "").Append(index < points.Length ? points[index] : "");
        return result.ToString();
    }
}
