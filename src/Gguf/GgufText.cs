using System.Text;

namespace Tessera.Gguf;

/// <summary>Text as GGUF stores it, and as messages show it.</summary>
internal static class GgufText
{
    private const int ShownCharacterCount = 80;

    /// <summary>UTF-8 that throws on anything that is not, in either direction, instead of replacing it.</summary>
    public static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A name from an untrusted file, in quotes, shortened, and without characters that could steer a terminal.</summary>
    public static string Quote(string name)
    {
        string shown = name.Length > ShownCharacterCount ? name[..ShownCharacterCount] + "..." : name;
        return $"'{string.Create(shown.Length, shown, ReplaceControls)}'";
    }

    private static void ReplaceControls(Span<char> target, string source)
    {
        for (int i = 0; i < target.Length; i++)
            target[i] = IsPlain(source[i]) ? source[i] : '?';
    }

    // Format characters include the bidirectional overrides, which can make a message read as something else.
    private static bool IsPlain(char character) =>
        char.GetUnicodeCategory(character)
            is not (
                System.Globalization.UnicodeCategory.Control
                or System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator
                or System.Globalization.UnicodeCategory.ParagraphSeparator
            );
}
