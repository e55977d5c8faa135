using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Chat;

/// <summary>Where a chat writes: answers to standard output, everything else to standard error.</summary>
/// <param name="console">The streams.</param>
/// <param name="terminal">The terminal that a person sits at; null for pipes and terminals that cannot be drawn on.</param>
internal sealed class ChatScreen(CliConsole console, ChatTerminal? terminal)
{
    private const int NarrowWidth = 60;
    private readonly WordWrap? wrap =
        terminal is not null && console.OutputIsTerminal ? new WordWrap(console.Out, () => terminal!.Size().Width) : null;

    /// <summary>Whether somebody types, who can be asked.</summary>
    public bool CanAsk => console.InputIsTerminal;

    /// <summary>Whether a message can be changed in the line.</summary>
    public bool CanEdit => terminal is not null;

    /// <summary>A piece of an answer.</summary>
    public void Answer(string text)
    {
        string shown = console.OutputIsTerminal ? PlainText.Clean(text) : text;
        if (wrap is null)
            console.Out.Write(shown);
        else
            wrap.Write(shown);
        console.Out.Flush();
    }

    public void EndAnswer()
    {
        wrap?.End();
        console.Out.WriteLine();
        console.Out.Flush();
    }

    /// <summary>A sentence to the user.</summary>
    public void Say(string text) => console.Error.WriteLine(Dim(Broken(PlainText.Clean(text))));

    /// <summary>Two columns; in a narrow window the second one goes below.</summary>
    public void SayPair(string left, string right, int column)
    {
        if (terminal is null || terminal.Size().Width >= NarrowWidth)
        {
            Say(left.PadRight(column) + right);
            return;
        }

        Say(left);
        Say("  " + right);
    }

    /// <summary>Whether anything has failed that nobody was there to see: then the exit code says so.</summary>
    public bool HasFailedUnseen { get; private set; }

    /// <summary>A failure, in its one sentence.</summary>
    public void Fail(string sentence)
    {
        HasFailedUnseen |= !CanAsk;
        console.Error.WriteLine(Broken(PlainText.Sentence($"tessera: {sentence}")));
    }

    /// <summary>What an answer leaves behind that was not asked for, once.</summary>
    public void Note(MultimodalModel model, ModelOptions options) => console.NoteAnswered(model, options);

    /// <summary>A picture, where the terminal can show it.</summary>
    public void Image(VisionModel vision, PromptImage image, SlicePlan? grid = null) => terminal?.Images.Print(vision, image, grid);

    /// <summary>A line that shows progress; null where nobody would see it.</summary>
    public ProgressLine? Progress(int sliceCount = 0) =>
        terminal is null ? null : new ProgressLine(console.Error, () => terminal.Size().Width) { SliceCount = sliceCount };

    /// <summary>Loads a model, with its progress.</summary>
    public async Task<MultimodalModel> LoadAsync(ModelOptions files, CancellationToken cancellationToken)
    {
        ProgressLine? progress = Progress();
        try
        {
            return await MultimodalModel.LoadAsync(files, progress, cancellationToken);
        }
        finally
        {
            progress?.Close();
        }
    }

    /// <summary>What loading has made of the options, once.</summary>
    public void NoteLoaded(MultimodalModel model, ModelOptions options) => console.NoteLoaded(model, options);

    /// <summary>How a model that is new to this machine is tried first.</summary>
    public ModelTrial? Trial => console.Trial;

    /// <summary>Names the files that are at fault if llama.cpp ends the process from now on.</summary>
    public void Blame(string files) => NativeAbort.Blame(console, files);

    private string Broken(string text) => terminal is null ? text : WordWrap.Break(text, terminal.Size().Width);

    private string Dim(string text) => terminal is { HasColours: true } ? $"\e[2m{text}\e[22m" : text;
}
