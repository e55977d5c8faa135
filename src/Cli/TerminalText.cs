namespace Tessera.Cli;

/// <summary>Text for a terminal.</summary>
internal static class TerminalText
{
    /// <summary>
    /// The text without control characters, which a terminal would obey: what a model says about a stranger's picture, and file names,
    /// are not to be trusted. Line feeds and tabs stay.
    /// </summary>
    public static string Clean(string text) => text.Any(IsHarmful) ? string.Concat(text.Where(static character => !IsHarmful(character))) : text;

    // The directional overrides can make a file name read as another one.
    private static bool IsHarmful(char character) =>
        (char.IsControl(character) && character is not ('\n' or '\t')) || character is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
