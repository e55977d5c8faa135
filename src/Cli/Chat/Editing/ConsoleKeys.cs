using System.Diagnostics;
using System.Text;
using Tessera.Shared;

namespace Tessera.Cli.Chat.Editing;

/// <summary>
/// Keys of the process's terminal. .NET hands over sequences that it does not know as an escape and their characters, so
/// bracketed paste, Alt and the terminal's replies are put together here.
/// </summary>
internal sealed class ConsoleKeys(TextWriter output, IRawKeys raw) : IKeySource
{
    private const string PasteBegins = "[200~",
        PasteEnds = "\e[201~";

    // A sequence arrives in one piece; a person is slower.
    private static readonly TimeSpan SequencePause = TimeSpan.FromMilliseconds(50);

    private readonly Queue<ConsoleKeyInfo> unread = new();

    public void SetEditing(bool isEditing)
    {
        raw.TakesInterrupts = isEditing;
        output.Write(isEditing ? "\e[?2004h" : "\e[?2004l");
        output.Flush();
    }

    public Key Read()
    {
        ConsoleKeyInfo key = Next();
        if (key.KeyChar == '\e')
            return AfterEscape();
        // Windows hands a paste over as keys without brackets; nobody types on as fast.
        if (OperatingSystem.IsWindows() && key.Key == ConsoleKey.Enter && raw.IsAvailable)
            return new Key(KeyKind.NewLine);
        return ConsoleKeyTable.Find(key) is { } kind ? new Key(kind) : Typed(key);
    }

    /// <summary>Sends a question to the terminal and waits for a reply <c>ESC [ ? ... final</c>; null if none comes in time.</summary>
    public string? Ask(string question, char final, TimeSpan patience)
    {
        output.Write(question);
        output.Flush();
        var reply = new StringBuilder();
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < patience)
        {
            if (!raw.IsAvailable)
            {
                raw.Wait(TimeSpan.FromMilliseconds(5));
                continue;
            }

            ConsoleKeyInfo key = raw.Read();
            bool belongs = reply.Length switch
            {
                0 => key.KeyChar == '\e',
                1 => key.KeyChar == '[',
                2 => key.KeyChar == '?',
                _ => true,
            };
            if (!belongs)
            {
                // What was typed in the meantime is kept for the editor.
                unread.Enqueue(key);
                continue;
            }

            reply.Append(key.KeyChar);
            if (reply.Length > 3 && key.KeyChar == final)
                return reply.ToString();
        }

        return null;
    }

    private ConsoleKeyInfo Next() => unread.TryDequeue(out ConsoleKeyInfo key) ? key : raw.Read();

    private bool TryNext(out ConsoleKeyInfo key)
    {
        bool isThere = unread.Count > 0 || raw.IsAvailable || raw.Wait(SequencePause);
        key = isThere ? Next() : default;
        return isThere;
    }

    private Key AfterEscape()
    {
        if (!TryNext(out ConsoleKeyInfo key))
            return new Key(KeyKind.Cancel);
        if (key.KeyChar is '[' or 'O')
            return Sequence(key.KeyChar);
        return key switch
        {
            { Key: ConsoleKey.Enter } => new Key(KeyKind.NewLine),
            { Key: ConsoleKey.Backspace } => new Key(KeyKind.KillWordBefore),
            { KeyChar: 'b' } or { Key: ConsoleKey.LeftArrow } => new Key(KeyKind.WordLeft),
            { KeyChar: 'f' } or { Key: ConsoleKey.RightArrow } => new Key(KeyKind.WordRight),
            { KeyChar: 'd' } => new Key(KeyKind.KillWordAfter),
            _ => new Key(KeyKind.Unknown),
        };
    }

    // Parameters up to a final letter or ~ (ECMA-48, 5.4).
    private Key Sequence(char introducer)
    {
        var sequence = new StringBuilder().Append(introducer);
        while (sequence.Length < 32 && TryNext(out ConsoleKeyInfo key))
        {
            sequence.Append(key.KeyChar);
            if (key.KeyChar is >= '@' and <= '~')
                break;
        }

        return sequence.ToString() switch
        {
            PasteBegins => Paste(),
            // Shift, Alt or Ctrl with Enter, as kitty and xterm (modifyOtherKeys) send it.
            "[13;2u" or "[13;3u" or "[13;5u" or "[27;2;13~" or "[27;3;13~" or "[27;5;13~" => new Key(KeyKind.NewLine),
            // Arrows with Alt, with Ctrl, or with Option as macOS's terminals send it.
            "[1;3D" or "[1;5D" or "[1;9D" => new Key(KeyKind.WordLeft),
            "[1;3C" or "[1;5C" or "[1;9C" => new Key(KeyKind.WordRight),
            _ => new Key(KeyKind.Unknown),
        };
    }

    private Key Paste()
    {
        var text = new StringBuilder();
        while (!EndsWith(text, PasteEnds))
        {
            char character = Next().KeyChar;
            // What does not fit is read to its end all the same, or it would be taken for typing.
            if (text.Length > InputLine.MaxLength)
                text.Remove(0, text.Length - PasteEnds.Length);
            text.Append(character);
        }

        text.Length -= PasteEnds.Length;
        return new Key(KeyKind.Paste, PlainText.Clean(text.Replace("\r\n", "\n").Replace('\r', '\n').ToString()));
    }

    private static bool EndsWith(StringBuilder text, string end)
    {
        if (text.Length < end.Length)
            return false;
        for (int index = 0; index < end.Length; index++)
        {
            if (text[text.Length - end.Length + index] != end[index])
                return false;
        }

        return true;
    }

    private Key Typed(ConsoleKeyInfo key)
    {
        if (char.IsHighSurrogate(key.KeyChar))
            return new Key(KeyKind.Text, $"{key.KeyChar}{Next().KeyChar}");
        return char.IsControl(key.KeyChar) ? new Key(KeyKind.Unknown) : new Key(KeyKind.Text, key.KeyChar.ToString());
    }
}
