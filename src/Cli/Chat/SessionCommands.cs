using System.Globalization;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Chat;

/// <summary>The commands about whole conversations.</summary>
/// <param name="desk">What there is.</param>
/// <param name="screen">Where it is told.</param>
/// <param name="confirm">Asks somebody who types; false where nobody does.</param>
/// <param name="interrupts">Stops what takes long.</param>
internal sealed class SessionCommands(ChatDesk desk, ChatScreen screen, Func<string, Task<bool>> confirm, Interrupts interrupts)
{
    private const int MostShown = 4000;

    /// <summary><c>/fork</c></summary>
    public void Fork(string text)
    {
        if (text.Length == 0)
        {
            int from = desk.Number;
            desk.Fork();
            screen.Say($"This is conversation {desk.Number} now, a copy of {from}; /fork {from} goes back to it.");
        }
        else if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && desk.TryGoTo(number))
        {
            screen.Say($"This is conversation {number}, with {Turns(desk.Session)}.");
        }
        else
        {
            throw new TesseraException(
                desk.Count == 1
                    ? "There is one conversation only; /fork makes a copy of it."
                    : $"Conversations are numbered from 1 to {desk.Count}."
            );
        }
    }

    /// <summary><c>/save</c></summary>
    public async Task SaveAsync(string text)
    {
        string path = RequirePath(text, "/save FILE");
        OutputFiles.RequireFolder(path);
        if (FileKind.HasContents(path) && !ChatSession.IsSaved(path) && !await confirm($"{path} is no saved conversation. Overwrite it?"))
        {
            throw new TesseraException(
                screen.CanAsk
                    ? $"{path}: it was left as it is, and nothing was saved."
                    : $"{path}: there is a file of this name that is no saved conversation, so nothing was saved: give another name."
            );
        }

        await interrupts.RunAsync(token => desk.Session.SaveAsync(path, token));
        screen.Say($"Saved {Turns(desk.Session)} in {path}.");
    }

    /// <summary><c>/load</c></summary>
    public async Task LoadAsync(string text)
    {
        string path = RequirePath(text, "/load FILE");
        await interrupts.RunAsync(async token => desk.Replace(await desk.Model.LoadChatAsync(path, token)));
        ChatSession loaded = desk.Session;
        screen.Say($"Loaded {Turns(loaded)}.");
        if (loaded.Turns is [.., var last])
            screen.Say($"The last one: {Beginning(last.Message.Text)}\n{Beginning(last.Answer)}");
    }

    /// <summary><c>/system</c></summary>
    public void SetSystem(string text)
    {
        ChatSession session = desk.Session;
        if (text == "default")
            session.Options = session.Options with { System = null };
        else if (text.Length > 0)
            session.Options = session.Options with { System = text };
        screen.Say(session.Options.System is { } system ? $"System sentence: {system}" : "System sentence: the model's own.");
    }

    /// <summary><c>/clear</c></summary>
    public void Clear(string text)
    {
        desk.Session.Clear();
        desk.Pending.Clear();
        desk.Last = null;
        screen.Say("The conversation is empty.");
    }

    private static string Turns(ChatSession session)
    {
        int count = session.Turns.Count,
            pictures = session.Turns.Sum(static turn => turn.Message.Media.Count);
        return (count == 1 ? "1 message" : $"{count} messages")
            + (
                pictures == 0 ? ""
                : pictures == 1 ? " and 1 picture"
                : $" and {pictures} pictures"
            );
    }

    private static string Beginning(string text) => text.Length > MostShown ? $"{text[..MostShown]}…" : text;

    private static string RequirePath(string text, string usage) =>
        text.Length > 0 ? TypedPath.Require(text) : throw new TesseraException($"Name the file: {usage}.");
}
