using System.CommandLine;
using Tessera.Cli.Arguments;
using Tessera.Cli.Chat.Editing;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Chat;

/// <summary><c>tessera chat</c>: a conversation about pictures.</summary>
internal sealed class ChatCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly SamplingArguments sampling = new();
    private readonly Option<string[]> images = new("--image", "-i")
    {
        Description = "A picture's file or http(s) address, or a page of a PDF as in report.pdf#3; may be given several times.",
        HelpName = "IMAGE",
    };
    private readonly VideoArguments videos = new();
    private readonly Option<string?> system = new("--system")
    {
        Description = "The system sentence, in place of the model's own.",
        HelpName = "TEXT",
    };

    public static Command Create(CliConsole console)
    {
        var chat = new ChatCommand(console);
        var command = new ExampleCommand(
            "chat",
            "Talk about pictures. /help lists what can be typed; each line of piped input is a message.",
            "tessera chat -i cat.jpg"
        );
        command.Add(chat.images);
        chat.videos.AddTo(command);
        chat.model.AddTo(command);
        command.Add(chat.system);
        chat.sampling.AddTo(command);
        command.SetAction(chat.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string[] sources = parsed.GetValue(images) ?? [];
        if (sources.Contains("-"))
            throw new UsageException("A picture cannot be '-', because the messages come from standard input.");
        GenerationOptions generation = sampling.ToOptions(parsed);
        using var interrupts = Interrupts.Listen(console, cancellationToken);
        IReadOnlyList<PromptMedia> media =
        [
            .. await ImageInputs.ReadAsync(sources, console, model.AllowsLocal(parsed), interrupts.Leaving),
            .. await videos.ReadAsync(parsed, interrupts.Leaving),
        ];
        ModelOptions files = model.ToOptions(parsed, needsVision: true);
        var shown = new Prompt("") { Media = media, Limits = model.Limits(parsed) };
        files = files with { Vision = AskCommand.OpenFor(console, files, shown), VideoFrameCount = VideoArguments.LongestOf(media) };
        var terminal = ChatTerminal.Open(console);
        var screen = new ChatScreen(console, terminal);
        MultimodalModel loaded = await screen.LoadAsync(files, interrupts.Leaving);
        console.NoteLoaded(loaded, files);
        using var desk = new ChatDesk(
            loaded,
            files,
            new ChatSessionOptions { System = parsed.GetValue(system) },
            generation,
            model.Limits(parsed)
        )
        {
            VideoRange = videos.Range(parsed),
            AllowsLocal = model.AllowsLocal(parsed),
        };
        if (terminal is not null)
            screen.Say($"{ModelCommands.Describe(desk)} /help lists what can be typed.");
        foreach (PromptMedia item in media)
            new ImageCommands(desk, screen, interrupts).Show(item);
        desk.Pending.AddRange(media);
        ILineSource lines = OpenLines(terminal);
        using IDisposable? resized = lines is LineEditor editor && terminal is not null ? terminal.WhenResized(editor.Redraw) : null;
        return await new ChatLoop(desk, lines, screen, interrupts).RunAsync();
    }

    private ILineSource OpenLines(ChatTerminal? terminal)
    {
        if (terminal is null)
            return new PlainLines(new StreamReader(console.OpenInput()), console.InputIsTerminal ? console.Error : null);
        // A terminal is left as it was found, however the process ends.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => terminal.Keys.SetEditing(false);
        return new LineEditor(
            terminal.Keys,
            new LineDrawing(console.Error, terminal.Size),
            LineHistory.Load(LineHistory.DefaultPath()),
            ChatCompletion.Find,
            console.Error
        );
    }
}
