using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Python's upper, lower, title and capitalize, and the questions islower and its like.</summary>
internal static class PythonCase
{
    // The common letters whose upper case is more than one letter; .NET maps letters one to one.
    private static readonly (string Letter, string Upper)[] LongUppers =
    [
        ("ß", "SS"),
        ("ŉ", "ʼN"),
        ("ﬀ", "FF"),
        ("ﬁ", "FI"),
        ("ﬂ", "FL"),
        ("ﬃ", "FFI"),
        ("ﬄ", "FFL"),
        ("ﬅ", "ST"),
        ("ﬆ", "ST"),
        ("և", "ԵՒ"),
    ];

    public static string Upper(string text)
    {
        string upper = text.ToUpperInvariant();
        if (Ascii.IsValid(upper))
            return upper;
        foreach ((string letter, string longUpper) in LongUppers)
            upper = upper.Replace(letter, longUpper, StringComparison.Ordinal);
        return upper;
    }

    public static string Lower(string text) => text.ToLowerInvariant();

    /// <summary>First letter upper, the others lower.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
            return text;
        int width = PythonText.Width(text, 0);
        string first = Upper(text[..width]);
        // Python writes the first letter in title case: Ss, not SS.
        string title = first.Length > width ? string.Concat(first[..1], Lower(first[1..])) : first;
        return title + Lower(text[width..]);
    }

    /// <summary>str.title: every letter after something that is no letter becomes upper.</summary>
    public static string Title(string text)
    {
        StringBuilder title = new(text.Length);
        bool isAfterLetter = false;
        foreach (string point in PythonText.CodePoints(text))
        {
            title.Append(isAfterLetter ? Lower(point) : Capitalize(point));
            isAfterLetter = IsCased(point);
        }
        return title.ToString();
    }

    /// <summary>The title filter: upper at the start of each word, words being split at white space and brackets
    /// (Jinja2 3.1.6, filters.py, do_title).</summary>
    public static string TitleWords(string text)
    {
        StringBuilder title = new(text.Length);
        bool isStart = true;
        foreach (string point in PythonText.CodePoints(text))
        {
            title.Append(isStart ? Upper(point) : Lower(point));
            isStart = point.Length == 1 && (PythonText.IsSpace(point[0]) || "-({[<".Contains(point[0], StringComparison.Ordinal));
        }
        return title.ToString();
    }

    /// <summary>Whether there are cased letters and all of them are in this case.</summary>
    public static bool IsAll(string text, UnicodeCategory letterCase)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (category is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter)
            {
                if (category != letterCase)
                    return false;
                any = true;
            }
        }
        return any;
    }

    private static bool IsCased(string point) =>
        Rune.TryGetRuneAt(point, 0, out Rune rune)
        && Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.UppercaseLetter
                or UnicodeCategory.LowercaseLetter
                or UnicodeCategory.TitlecaseLetter;
}
