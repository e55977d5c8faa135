namespace Tessera.Cli.Chat;

/// <summary>The commands about the last turn.</summary>
internal sealed class TurnCommands(ChatDesk desk, ChatScreen screen, ChatAnswer answer)
{
    /// <summary><c>/regen</c></summary>
    public async Task RegenerateAsync(string text)
    {
        RequireTurn();
        await answer.RegenerateAsync();
    }

    /// <summary><c>/edit</c></summary>
    public async Task EditAsync(string text)
    {
        UserMessage last = RequireTurn();
        if (text.Length > 0)
            await answer.EditAsync(text);
        else if (screen.CanEdit)
            desk.Draft = last.Text;
        else
            throw new TesseraException("Write the new message after /edit.");
    }

    private UserMessage RequireTurn() =>
        desk.Session.Turns is [.., var last] ? last.Message : throw new TesseraException("The conversation has no message yet.");
}
