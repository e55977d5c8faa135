namespace Tessera.Cli.Chat.Editing;

/// <summary>What each key of the keyboard does in the editor; the letters with Ctrl are readline's.</summary>
internal static class ConsoleKeyTable
{
    /// <summary>What a key asks for; null for text.</summary>
    public static KeyKind? Find(ConsoleKeyInfo key)
    {
        bool withControl = key.Modifiers.HasFlag(ConsoleModifiers.Control),
            withAlt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        if (key.Key == ConsoleKey.Enter)
            return withControl || withAlt || key.Modifiers.HasFlag(ConsoleModifiers.Shift) ? KeyKind.NewLine : KeyKind.Send;
        return withControl && !withAlt ? WithControl(key.Key) ?? Plain(key.Key) : Plain(key.Key);
    }

    private static KeyKind? Plain(ConsoleKey key) =>
        key switch
        {
            ConsoleKey.Backspace => KeyKind.Backspace,
            ConsoleKey.Delete => KeyKind.Delete,
            ConsoleKey.LeftArrow => KeyKind.Left,
            ConsoleKey.RightArrow => KeyKind.Right,
            ConsoleKey.UpArrow => KeyKind.Up,
            ConsoleKey.DownArrow => KeyKind.Down,
            ConsoleKey.Home => KeyKind.Home,
            ConsoleKey.End => KeyKind.End,
            ConsoleKey.Tab => KeyKind.Complete,
            _ => null,
        };

    private static KeyKind? WithControl(ConsoleKey key) =>
        key switch
        {
            ConsoleKey.A => KeyKind.Home,
            ConsoleKey.B => KeyKind.Left,
            ConsoleKey.C => KeyKind.Interrupt,
            ConsoleKey.D => KeyKind.EndOfInput,
            ConsoleKey.E => KeyKind.End,
            ConsoleKey.F => KeyKind.Right,
            ConsoleKey.H => KeyKind.Backspace,
            ConsoleKey.K => KeyKind.KillToEnd,
            ConsoleKey.L => KeyKind.ClearScreen,
            ConsoleKey.N => KeyKind.Down,
            ConsoleKey.P => KeyKind.Up,
            ConsoleKey.U => KeyKind.KillToStart,
            ConsoleKey.V => KeyKind.PasteClipboard,
            ConsoleKey.W => KeyKind.KillWordBefore,
            ConsoleKey.Y => KeyKind.Yank,
            ConsoleKey.LeftArrow => KeyKind.WordLeft,
            ConsoleKey.RightArrow => KeyKind.WordRight,
            ConsoleKey.Backspace => KeyKind.KillWordBefore,
            ConsoleKey.Delete => KeyKind.KillWordAfter,
            _ => null,
        };
}
