using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Chat;

/// <summary>Reads lines and answers them, until the user leaves.</summary>
internal sealed class ChatLoop
{
    private readonly ChatDesk desk;
    private readonly ILineSource lines;
    private readonly ChatScreen screen;
    private readonly Interrupts interrupts;
    private readonly ChatAnswer answer;
    private readonly ChatCommands commands;
    private readonly ImageCommands pictures;
    private readonly DesktopCommands desktop;

    public ChatLoop(ChatDesk desk, ILineSource lines, ChatScreen screen, Interrupts interrupts)
    {
        (this.desk, this.lines, this.screen, this.interrupts) = (desk, lines, screen, interrupts);
        answer = new ChatAnswer(desk, screen, interrupts);
        pictures = new ImageCommands(desk, screen, interrupts);
        desktop = new DesktopCommands(pictures, interrupts);
        commands = new ChatCommands(desk, screen, answer, ConfirmAsync, interrupts, pictures, desktop);
    }

    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        bool wasInterrupted = false;
        string typed = "";
        while (!desk.IsOver)
        {
            string? draft = desk.Draft;
            InputLine line = await ReadAsync(draft, typed);
            typed = "";
            desk.Draft = null;
            if (interrupts.Leaving.IsCancellationRequested)
                return ExitCode.Interrupted;
            if (line.End == LineEnd.EndOfInput)
                break;
            if (line.End == LineEnd.Interrupted)
            {
                if (wasInterrupted || interrupts.IsRecent)
                    return ExitCode.Interrupted;
                screen.Say("Press Ctrl+C again to leave.");
            }

            wasInterrupted = line.End == LineEnd.Interrupted;
            if (line.End == LineEnd.TooLong)
                screen.Fail($"The line has more than {InputLine.MaxLength} characters, so it was skipped.");
            if (line.End == LineEnd.Sent)
                await HandleAsync(line.Text, isEdit: draft is not null);
            if (line.End == LineEnd.Paste)
            {
                typed = await PasteAsync(line);
                desk.Draft = draft is null ? null : typed;
            }

            if (interrupts.Leaving.IsCancellationRequested)
                return ExitCode.Interrupted;
        }

        return screen.HasFailedUnseen ? ExitCode.Failed : ExitCode.Success;
    }

    // What was typed goes on after the picture, or with the text that the clipboard holds.
    private async Task<string> PasteAsync(InputLine line)
    {
        string pasted = "";
        await GuardAsync(async token => pasted = await desktop.PasteAsync(token));
        return line.Text + PlainText.Clean(pasted.ReplaceLineEndings("\n"));
    }

    private async Task<InputLine> ReadAsync(string? draft, string typed)
    {
        string waiting = desk.Pending.Count == 0 ? "" : $"[{MediaCount.Of(desk.Pending)}] ";
        string prompt =
            draft is not null ? "edit> "
            : desk.Count > 1 ? $"{waiting}{desk.Number}> "
            : $"{waiting}> ";
        try
        {
            return await Task.Run(() => lines.Read(prompt, draft ?? typed)).WaitAsync(interrupts.Leaving);
        }
        catch (OperationCanceledException)
        {
            return new InputLine(LineEnd.Interrupted);
        }
    }

    private async Task<bool> ConfirmAsync(string question)
    {
        if (!screen.CanAsk)
            return false;
        InputLine reply = await Task.Run(() => lines.Read($"{PlainText.Sentence(question)} [y/N] ")).WaitAsync(interrupts.Leaving);
        return reply.End == LineEnd.Sent && reply.Text.Trim() is "y" or "Y" or "yes";
    }

    private Task HandleAsync(string line, bool isEdit) =>
        GuardAsync(_ =>
            SlashCommand.Parse(line) is { } command ? commands.RunAsync(command.Name, command.Arguments) : SayAsync(line, isEdit)
        );

    // Whatever goes wrong is one sentence, and the chat goes on.
    private async Task GuardAsync(Func<CancellationToken, Task> work)
    {
        try
        {
            await interrupts.RunAsync(work);
        }
        catch (OperationCanceledException)
        {
            if (!interrupts.Leaving.IsCancellationRequested)
                screen.Say("Stopped; the conversation is as it was before.");
        }
        catch (TesseraException failure)
        {
            screen.Fail(FailureText.Of(failure));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            screen.Fail(failure.Message);
        }
        catch (Exception failure)
        {
            screen.Fail($"an error that should not happen, please report it: {failure.GetType().Name}, {failure.Message}");
        }
    }

    private async Task SayAsync(string line, bool isEdit)
    {
        LineWithImages message = ImagePaths.OfThisMachine.Find(line);
        if (message.Text.Split((char[]?)null).FirstOrDefault(ImageInputs.IsAddress) is { } address)
            screen.Say($"{PlainText.Quote(address)} stays words: /image ADDRESS adds a picture.");
        if (message.Paths.Count > 0)
            await pictures.AttachAsync(message.Paths);
        string text = message.Text.StartsWith("//", StringComparison.Ordinal) ? message.Text[1..] : message.Text;
        if (text.Trim().Length == 0)
            return;
        await (isEdit ? answer.EditAsync(text) : answer.SendAsync(text));
    }
}
