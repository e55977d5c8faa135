namespace Tessera.Cli.Chat.Images;

/// <summary>How a terminal can show a picture.</summary>
internal enum ImageProtocol
{
    None,

    /// <summary>Half blocks in the 256 colours of xterm.</summary>
    HalfBlocks256,

    /// <summary>Half blocks in 24-bit colours.</summary>
    HalfBlocks,

    Sixel,

    ITerm2,

    Kitty,
}

/// <summary>Finds out how a terminal can show a picture: from what it sets in the environment, else by asking it.</summary>
internal static class ImageProtocols
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(150);

    /// <param name="environment">Reads an environment variable.</param>
    /// <param name="ask">Sends a question to the terminal and gives its reply up to a final letter, or null.</param>
    public static ImageProtocol Detect(Func<string, string?> environment, Func<string, char, TimeSpan, string?> ask)
    {
        string Value(string name) => environment(name) ?? "";
        string terminal = Value("TERM"),
            program = Value("TERM_PROGRAM");
        if (terminal is "dumb" || Value("NO_COLOR").Length > 0)
            return ImageProtocol.None;
        // tmux and screen draw the window themselves: only what they say of themselves counts.
        bool isMultiplexed = Value("TMUX").Length > 0 || Value("STY").Length > 0;
        if (!isMultiplexed)
        {
            if (Value("KITTY_WINDOW_ID").Length > 0 || terminal is "xterm-kitty" or "xterm-ghostty" || program == "ghostty")
                return ImageProtocol.Kitty;
            if (program is "iTerm.app" or "WezTerm" or "mintty" || Value("LC_TERMINAL") == "iTerm2")
                return ImageProtocol.ITerm2;
        }

        if (SaysSixel(ask("\e[c", 'c', Patience)))
            return ImageProtocol.Sixel;
        return
            Value("COLORTERM") is "truecolor" or "24bit"
            || terminal.EndsWith("-direct", StringComparison.Ordinal)
            || OperatingSystem.IsWindows()
            ? ImageProtocol.HalfBlocks
            : ImageProtocol.HalfBlocks256;
    }

    // Primary device attributes: 4 among them is sixel graphics (DEC STD 070; xterm's ctlseqs, "Send Device Attributes").
    private static bool SaysSixel(string? reply) =>
        reply is not null && reply.TrimEnd('c')[(reply.IndexOf('?') + 1)..].Split(';').Skip(1).Contains("4");
}
