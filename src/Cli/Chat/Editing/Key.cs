namespace Tessera.Cli.Chat.Editing;

/// <summary>What a key, or a sequence that the terminal sent, asks of the editor.</summary>
internal enum KeyKind
{
    Unknown,
    Text,
    Paste,
    Send,
    NewLine,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    KillToStart,
    KillToEnd,
    KillWordBefore,
    KillWordAfter,
    Yank,
    PasteClipboard,
    SearchHistory,
    Cancel,
    Suspend,
    Complete,
    ClearScreen,
    Interrupt,
    EndOfInput,
}

/// <summary>One key.</summary>
/// <param name="Kind">What it asks for.</param>
/// <param name="Text">What was typed or pasted.</param>
internal readonly record struct Key(KeyKind Kind, string Text = "");

/// <summary>Where keys come from.</summary>
internal interface IKeySource
{
    /// <summary>Waits for the next key.</summary>
    Key Read();

    /// <summary>Called before and after a line is edited.</summary>
    void SetEditing(bool isEditing);
}
