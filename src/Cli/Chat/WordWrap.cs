using Tessera.Cli.Chat.Editing;

namespace Tessera.Cli.Chat;

/// <summary>Writes text that arrives in pieces so that a terminal breaks it between words. A word is held back until it is whole.</summary>
/// <param name="output">The terminal.</param>
/// <param name="width">Its columns now.</param>
internal sealed class WordWrap(TextWriter output, Func<int> width)
{
    private string word = "",
        blanks = "";
    private int column;

    /// <summary>Breaks a whole text.</summary>
    public static string Break(string text, int width)
    {
        using var broken = new StringWriter { NewLine = "\n" };
        var wrap = new WordWrap(broken, () => width);
        wrap.Write(text);
        wrap.End();
        return broken.ToString();
    }

    public void Write(string text)
    {
        foreach (char character in text)
        {
            if (character is ' ' or '\t' or '\n' && word.Length > 0)
                Flush();
            if (character == '\n')
            {
                output.Write('\n');
                (column, blanks) = (0, "");
            }
            else if (character is ' ' or '\t')
            {
                blanks += character;
            }
            else
            {
                word += character;
                // Chinese and Japanese have no blanks, and a word longer than the window breaks anyhow.
                if (TextWidth.Of(word) + 1 >= width() || TextWidth.OfCharacter(word.AsSpan()[^1..]) == 2)
                    Flush();
            }
        }

        output.Flush();
    }

    /// <summary>Writes what was held back; the next text begins a new line.</summary>
    public void End()
    {
        if (word.Length > 0)
            Flush();
        output.Flush();
        (column, blanks) = (0, "");
    }

    private void Flush()
    {
        int wordWidth = TextWidth.Of(word),
            blankWidth = TextWidth.Of(blanks.Replace("\t", "    ", StringComparison.Ordinal));
        if (column > 0 && column + blankWidth + wordWidth > width())
        {
            output.Write('\n');
            (column, blanks, blankWidth) = (0, "", 0);
        }

        output.Write(blanks.Replace("\t", "    ", StringComparison.Ordinal) + word);
        column += blankWidth + wordWidth;
        (word, blanks) = ("", "");
    }
}
