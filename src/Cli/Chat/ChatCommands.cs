namespace Tessera.Cli.Chat;

/// <summary>The commands of a chat.</summary>
internal sealed class ChatCommands
{
    private const int LongestName = 32;
    private readonly ChatScreen screen;
    private readonly Dictionary<string, SlashCommand> table;

    /// <param name="desk">What there is.</param>
    /// <param name="screen">Where it is told.</param>
    /// <param name="answer">Answers.</param>
    /// <param name="confirm">Asks somebody who types; false where nobody does.</param>
    /// <param name="interrupts">Stops what takes long.</param>
    /// <param name="pictures">Adds pictures.</param>
    /// <param name="desktop">Takes them from the desktop.</param>
    public ChatCommands(
        ChatDesk desk,
        ChatScreen screen,
        ChatAnswer answer,
        Func<string, Task<bool>> confirm,
        Interrupts interrupts,
        ImageCommands pictures,
        DesktopCommands desktop
    )
    {
        this.screen = screen;
        var turns = new TurnCommands(desk, screen, answer);
        var sessions = new SessionCommands(desk, screen, confirm, interrupts);
        var reports = new ReportCommands(desk, screen);
        var models = new ModelCommands(desk, screen, interrupts);
        SlashCommand[] all =
        [
            new("/image", "PATH...", "add pictures to the next message", pictures.AddAsync),
            new("/paste", "", "add the clipboard's picture; so does Ctrl+V", desktop.PasteAsync),
            new("/screenshot", "", "add a picture of the screen", desktop.TakeScreenshotAsync),
            new("/video", "PATH", "add a video to the next message", pictures.AddVideoAsync),
            new("/look", "[N|PATH]", "show what the model sees", pictures.LookAsync),
            new("/regen", "", "answer the last message again", turns.RegenerateAsync),
            new("/edit", "[TEXT]", "change the last message", turns.EditAsync),
            new("/fork", "[N]", "go on in a copy, or in copy N", sessions.Fork),
            new("/save", "FILE", "save the conversation", sessions.SaveAsync),
            new("/load", "FILE", "continue a saved one", sessions.LoadAsync),
            new("/system", "[TEXT|default]", "show or set the system sentence", sessions.SetSystem),
            new("/model", "[NAME]", "show the model, or go on with another", models.ModelAsync),
            new("/schema", "[FILE|off]", "show or set a JSON Schema that answers follow", models.SchemaAsync),
            new("/params", "[NAME VALUE]", "show or set how to answer", reports.Parameters),
            new("/stats", "", "times and counts of the last answer", reports.Statistics),
            new("/clear", "", "forget the conversation", sessions.Clear),
            new("/help", "", "this list", Help),
            new("/exit", "", "leave; so does Ctrl+D", _ => desk.IsOver = true),
        ];
        table = all.ToDictionary(static command => command.Name);
    }

    /// <exception cref="TesseraException">There is no such command, or it failed.</exception>
    public Task RunAsync(string name, string arguments)
    {
        if (table.TryGetValue(name is "/quit" ? "/exit" : name.ToLowerInvariant(), out SlashCommand? command))
            return command.RunAsync(arguments);
        string shown = name[..Math.Min(name.Length, LongestName)];
        throw new TesseraException($"There is no command {shown}{NearestName.Hint(shown, SlashCommand.Names, "/help lists them")}");
    }

    private void Help(string arguments)
    {
        foreach (SlashCommand command in table.Values)
            screen.SayPair($"{command.Name} {command.Arguments}", command.Description, 24);
        screen.Say("A picture's path or address in a message adds it; a line that ends in \\ goes on in the next one.");
    }
}
