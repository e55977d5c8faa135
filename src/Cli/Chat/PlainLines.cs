using System.Text;

namespace Tessera.Cli.Chat;

/// <summary>Lines of a pipe, a file, or a terminal that cannot be drawn on.</summary>
/// <param name="input">The lines.</param>
/// <param name="promptOutput">Where the prompt goes; null where nobody types.</param>
internal sealed class PlainLines(TextReader input, TextWriter? promptOutput) : ILineSource
{
    public InputLine Read(string prompt, string initial = "")
    {
        InputLine line = ReadOne(prompt);
        // A person goes on after a backslash; in a pipe each line is a message, whatever it ends in.
        while (promptOutput is not null && line.End == LineEnd.Sent && line.Text.EndsWith('\\'))
        {
            InputLine next = ReadOne("… ");
            if (next.End != LineEnd.Sent)
                return next.End == LineEnd.EndOfInput ? line : next;
            line = new InputLine(LineEnd.Sent, $"{line.Text[..^1]}\n{next.Text}");
        }

        return line;
    }

    private InputLine ReadOne(string prompt)
    {
        promptOutput?.Write(prompt);
        promptOutput?.Flush();
        var text = new StringBuilder();
        int character;
        bool isTooLong = false;
        while ((character = input.Read()) >= 0 && character != '\n')
        {
            isTooLong |= text.Length >= InputLine.MaxLength;
            if (!isTooLong)
                text.Append((char)character);
        }

        if (isTooLong)
            return new InputLine(LineEnd.TooLong);
        if (character < 0 && text.Length == 0)
            return new InputLine(LineEnd.EndOfInput);
        if (text.Length > 0 && text[^1] == '\r')
            text.Length--;
        return new InputLine(LineEnd.Sent, text.ToString());
    }
}
