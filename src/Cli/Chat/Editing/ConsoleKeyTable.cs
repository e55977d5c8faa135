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
        if (withControl)
            return withAlt ? Plain(key.Key) : WithControl(key.Key) ?? Plain(key.Key);
        // A letter with Alt is no text; what AltGr writes comes without it, or on Windows with Ctrl.
        return withAlt ? WithAlt(key.Key) ?? Plain(key.Key) ?? KeyKind.Unknown : Plain(key.Key);
    }

    private static KeyKind? WithAlt(ConsoleKey key) =>
        key switch
        {
            ConsoleKey.B or ConsoleKey.LeftArrow => KeyKind.WordLeft,
            ConsoleKey.F or ConsoleKey.RightArrow => KeyKind.WordRight,
            ConsoleKey.D or ConsoleKey.Delete => KeyKind.KillWordAfter,
            ConsoleKey.Backspace => KeyKind.KillWordBefore,
            _ => null,
        };

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
            ConsoleKey.G => KeyKind.Cancel,
            ConsoleKey.H => KeyKind.Backspace,
            ConsoleKey.K => KeyKind.KillToEnd,
            ConsoleKey.L => KeyKind.ClearScreen,
            ConsoleKey.N => KeyKind.Down,
            ConsoleKey.P => KeyKind.Up,
            ConsoleKey.R => KeyKind.SearchHistory,
            ConsoleKey.U => KeyKind.KillToStart,
            ConsoleKey.V => KeyKind.PasteClipboard,
            ConsoleKey.W => KeyKind.KillWordBefore,
            ConsoleKey.Y => KeyKind.Yank,
            ConsoleKey.Z => KeyKind.Suspend,
            ConsoleKey.LeftArrow => KeyKind.WordLeft,
            ConsoleKey.RightArrow => KeyKind.WordRight,
            ConsoleKey.Backspace => KeyKind.KillWordBefore,
            ConsoleKey.Delete => KeyKind.KillWordAfter,
            _ => null,
        };
}
