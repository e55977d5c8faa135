namespace Tessera.Cli.Chat;

/// <summary>How the reading of a line ended.</summary>
internal enum LineEnd
{
    /// <summary>The line was sent.</summary>
    Sent,

    /// <summary>Ctrl+C at an empty line.</summary>
    Interrupted,

    /// <summary>There is no more input.</summary>
    EndOfInput,

    /// <summary>The clipboard is wanted, before the line is sent.</summary>
    Paste,

    /// <summary>The line was longer than may be; it was skipped.</summary>
    TooLong,
}

/// <summary>What a user entered.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Text">The text; several lines are separated by \n.</param>
internal readonly record struct InputLine(LineEnd End, string Text = "")
{
    /// <summary>Characters of a line at most: more than any context holds.</summary>
    public const int MaxLength = 1_000_000;
}

/// <summary>Where the lines of a chat come from.</summary>
internal interface ILineSource
{
    /// <summary>Reads the next line; blocks until there is one.</summary>
    /// <param name="prompt">Shown before it where a person types.</param>
    /// <param name="initial">Text that the line begins with where it can be edited.</param>
    InputLine Read(string prompt, string initial = "");
}
