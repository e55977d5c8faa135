namespace Tessera.Shared;

/// <summary>Makes text of others fit to be shown: what files, models and servers say may be long, or steer a terminal.</summary>
internal static class PlainText
{
    // Longer than any sentence of ours with a path in it.
    private const int LongestSentence = 1200;
    private const int LongestQuote = 120;

    /// <summary>
    /// Whether a terminal might obey a character, or show the text around it as another one: the controls of ISO 6429 but for line feed
    /// and tab, the line and paragraph separators, and the characters with Unicode's property Bidi_Control.
    /// </summary>
    public static bool IsHarmful(char character) =>
        (char.IsControl(character) && character is not ('\n' or '\t'))
        || character is '\u061C' or '\u200E' or '\u200F' or (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    /// <summary>The text without harmful characters.</summary>
    public static string Clean(string text) =>
        text.Any(IsHarmful) ? string.Concat(text.Where(static character => !IsHarmful(character))) : text;

    /// <summary>The text as one line that a message can be, without harmful characters; its middle is left out where it is too
    /// long.</summary>
    public static string Sentence(string text) => Shorten(OneLine(Shorten(text, 2 * LongestSentence)), LongestSentence);

    /// <summary>A part of a message that repeats what somebody wrote: cleaned, and cut where it is too long.</summary>
    public static string Quote(string text)
    {
        string line = OneLine(text.Length > LongestQuote ? text[..LongestQuote] : text);
        return text.Length > LongestQuote ? $"{WholeCharacters(line)}…" : line;
    }

    private static string OneLine(string text) => Clean(text.ReplaceLineEndings(" ").Replace('\t', ' '));

    // The beginning names the file, the end says what to do.
    private static string Shorten(string text, int most)
    {
        if (text.Length <= most)
            return text;
        string end = text[^(most / 3)..];
        return $"{WholeCharacters(text[..(most - end.Length - 3)])} … {(char.IsLowSurrogate(end[0]) ? end[1..] : end)}";
    }

    private static string WholeCharacters(string text) => text.Length > 0 && char.IsHighSurrogate(text[^1]) ? text[..^1] : text;
}
