namespace Tessera.Cli.Chat;

/// <summary>Something that can be typed instead of a message.</summary>
/// <param name="Name">Its name, with the slash.</param>
/// <param name="Arguments">What may follow it, for the help.</param>
/// <param name="Description">What it does, for the help.</param>
/// <param name="RunAsync">Does it, with what followed the name.</param>
internal sealed record SlashCommand(string Name, string Arguments, string Description, Func<string, Task> RunAsync)
{
    public SlashCommand(string name, string arguments, string description, Action<string> run)
        : this(
            name,
            arguments,
            description,
            text =>
            {
                run(text);
                return Task.CompletedTask;
            }
        ) { }

    /// <summary>The names of all commands, in the order of the help.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "/image",
        "/paste",
        "/screenshot",
        "/video",
        "/look",
        "/regen",
        "/edit",
        "/fork",
        "/save",
        "/load",
        "/system",
        "/model",
        "/schema",
        "/params",
        "/stats",
        "/clear",
        "/help",
        "/exit",
    ];

    /// <summary>The command that a line begins with, and what follows it; null for a message. A path is a message, and // escapes a
    /// slash.</summary>
    public static (string Name, string Arguments)? Parse(string line)
    {
        string trimmed = line.Trim();
        if (!trimmed.StartsWith('/') || trimmed.StartsWith("//", StringComparison.Ordinal))
            return null;
        int end = trimmed.IndexOfAny([' ', '\t', '\n']);
        string name = end < 0 ? trimmed : trimmed[..end];
        return name.IndexOfAny(['/', '.', '\\'], 1) < 0 ? (name, end < 0 ? "" : trimmed[end..].Trim()) : null;
    }
}
