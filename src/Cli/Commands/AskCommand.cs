using System.CommandLine;
using System.Diagnostics;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera ask</c>: one question about pictures, answered as it is generated.</summary>
internal sealed class AskCommand(CliConsole console)
{
    public const string Name = "ask";

    private readonly ModelArguments model = new(console);
    private readonly SamplingArguments sampling = new();
    private readonly FormatArguments format = new();
    private readonly Argument<string> question = new("QUESTION") { Description = "The question; - reads it from standard input." };
    private readonly Option<string[]> images = new("--image", "-i")
    {
        Description =
            "A picture's file or http(s) address, a page of a PDF as in report.pdf#3, or - for standard input; may be given several times.",
        HelpName = "IMAGE",
    };
    private readonly VideoArguments videos = new();
    private readonly Option<string?> system = new("--system")
    {
        Description = "The system sentence, in place of the model's own.",
        HelpName = "TEXT",
    };
    private readonly Option<bool> raw = new("--raw")
    {
        Description = "The question is the whole prompt, without a template; each <__media__> in it is a picture.",
    };
    private readonly Option<string?> annotate = new("--annotate")
    {
        Description = "Draw the boxes and points of the answer over the picture and write it.",
        HelpName = "FILE.png",
    };
    private readonly Option<bool> jsonLines = new("--json-lines")
    {
        Description = "Print each piece of the answer as a JSON document on its line as it comes, and the document of --json at the end.",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document instead of text." };

    public static Command Create(CliConsole console)
    {
        var ask = new AskCommand(console);
        var command = new ExampleCommand(Name, "Ask a question about pictures.", "tessera ask -i cat.jpg \"What is in this picture?\"");
        command.Add(ask.question);
        command.Add(ask.images);
        ask.videos.AddTo(command);
        ask.model.AddTo(command);
        command.Add(ask.system);
        command.Add(ask.raw);
        ask.sampling.AddTo(command);
        ask.format.AddTo(command);
        command.Add(ask.annotate);
        command.Add(ask.json);
        command.Add(ask.jsonLines);
        command.SetAction(ask.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string[] sources = parsed.GetValue(images) ?? [];
        string text = parsed.GetRequiredValue(question);
        if ((text == "-" ? 1 : 0) + sources.Count(static source => source == "-") > 1)
            throw new UsageException("Only one of the question and the pictures can be '-'.");
        if (text == "-")
            text = await ReadQuestionAsync(cancellationToken);
        if (text.Trim().Length == 0)
            throw new UsageException("The question is empty.");

        string? drawing = parsed.GetValue(annotate);
        if (drawing is not null)
            OutputFiles.Require(console, "--annotate", drawing, ".png", ".jpg", ".jpeg", ".webp");
        if (drawing == OutputFiles.Standard)
            throw new UsageException("--annotate takes a file's name: the answer is on standard output.");
        GenerationOptions options = sampling.ToOptions(parsed, await format.ReadAsync(parsed, cancellationToken));
        var prompt = new Prompt(text)
        {
            Media =
            [
                .. await ImageInputs.ReadAsync(sources, console, model.AllowsLocal(parsed), cancellationToken),
                .. await videos.ReadAsync(parsed, cancellationToken),
            ],
            System = parsed.GetValue(system),
            IsRaw = parsed.GetValue(raw),
            Limits = model.Limits(parsed),
        };
        ModelOptions files = model.ToOptions(parsed, needsVision: prompt.Media.Count > 0);
        files = files with { Vision = OpenFor(console, files, prompt), VideoFrameCount = VideoArguments.LongestOf(prompt.Media) };
        long started = Stopwatch.GetTimestamp();
        using MultimodalModel loaded = await ProgressDisplay.RunAsync(
            console,
            progress => MultimodalModel.LoadAsync(files, progress, cancellationToken)
        );
        double loadMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        console.NoteLoaded(loaded, files);

        bool isObject = options.Format?.Schema is not null,
            asLines = parsed.GetValue(jsonLines),
            asDocument = asLines || parsed.GetValue(json);
        // JSON is shown when it is whole.
        Action<GenerationUpdate>? show =
            asLines ? ShowLine
            : isObject || asDocument ? null
            : Show;
        GenerationResult result = await AnswerAsync(loaded, prompt, options, show, cancellationToken);
        console.NoteAnswered(loaded, files);
        if (drawing is not null)
            Annotate(loaded, prompt, result, drawing, cancellationToken);
        string whole = isObject ? FormatArguments.Whole(result) : result.Text;
        if (asDocument)
            CliJson.Write(console.Out, ToDocument(result, loadMs));
        else if (isObject)
            console.Out.WriteLine(whole);
        else if (result.FinishReason == FinishReason.Length)
            console.Say(ModelNotes.Cut(result, options, "raise --max-tokens"));
        return ExitCode.Success;
    }

    /// <summary>The vision half, open, if the prompt shows anything: refuses what is no picture before gigabytes of weights are read, and
    /// notes where limits make one coarser.</summary>
    /// <exception cref="TesseraException">A picture cannot be used, or there is no projector.</exception>
    public static VisionModel? OpenFor(CliConsole console, ModelOptions files, Prompt prompt)
    {
        if (prompt.Media.Count == 0)
            return null;
        if (files.ProjectorPath is null)
        {
            ModelArguments.RequireLanguageModel(files.ModelPath);
            throw new TesseraException(
                $"{files.ModelPath}: there is no single vision projector beside it, so it sees no pictures: give one with --mmproj."
            );
        }

        VisionModel vision = VisionModel.Open(files.ProjectorPath, files.Preprocessing, files.MaxPixels);
        try
        {
            for (int index = 0; index < prompt.Media.Count; index++)
            {
                PlanRequest request = prompt.Limits with { ImageCount = prompt.Media.Count, ImageIndex = index };
                console.NoteLimits(prompt.Media[index], vision.Plan(prompt.Media[index], request));
            }

            return vision;
        }
        catch
        {
            vision.Dispose();
            throw;
        }
    }

    // The bar runs until the first piece of text, which is then written where the bar was.
    private async Task<GenerationResult> AnswerAsync(
        MultimodalModel loaded,
        Prompt prompt,
        GenerationOptions options,
        Action<GenerationUpdate>? show,
        CancellationToken cancellationToken
    )
    {
        IAsyncEnumerator<GenerationUpdate>? updates = null;
        try
        {
            bool any = await ProgressDisplay.RunAsync(
                console,
                async progress =>
                {
                    updates = loaded
                        .AnswerStreamingAsync(prompt, options, progress, cancellationToken)
                        .GetAsyncEnumerator(cancellationToken);
                    return await updates.MoveNextAsync();
                }
            );
            GenerationResult? result = null;
            for (; any; any = await updates!.MoveNextAsync())
            {
                result = updates!.Current.Result ?? result;
                show?.Invoke(updates.Current);
            }

            return result ?? throw new InvalidOperationException("The answer has no end.");
        }
        finally
        {
            if (updates is not null)
                await updates.DisposeAsync();
        }
    }

    // The colours are told beside the picture: which fonts a machine has is not known.
    private void Annotate(MultimodalModel loaded, Prompt prompt, GenerationResult result, string path, CancellationToken cancellationToken)
    {
        if (loaded.Vision is null || prompt.Media is not [.., PromptImage image])
            throw new TesseraException("There is no picture to draw on.");
        if (result.Regions.Count == 0)
        {
            console.Say($"The answer names no place in the picture, so {PlainText.Clean(path)} is not written.");
            return;
        }

        IReadOnlyList<string> colours = loaded.Vision.SaveRegions(image, result.Regions, path, cancellationToken);
        foreach ((GroundedRegion region, string colour) in result.Regions.Zip(colours))
            console.Say($"{PlainText.Clean(path)}: {colour}: {PlainText.Clean(region.Label)} {Place(region)}");
    }

    private static string Place(GroundedRegion region) =>
        region.Kind == RegionKind.Point
            ? FormattableString.Invariant($"at {region.Left:0},{region.Top:0}")
            : FormattableString.Invariant(
                $"{region.Right - region.Left:0} x {region.Bottom - region.Top:0} at {region.Left:0},{region.Top:0}"
            );

    private void ShowLine(GenerationUpdate update)
    {
        if (update.Result is null)
            CliJson.Write(console.Out, new PieceDocument(update.Text));
    }

    private void Show(GenerationUpdate update)
    {
        if (update.Result is null)
            console.Out.Write(console.OutputIsTerminal ? PlainText.Clean(update.Text) : update.Text);
        else
            console.Out.WriteLine();
        console.Out.Flush();
    }

    private async Task<string> ReadQuestionAsync(CancellationToken cancellationToken)
    {
        if (console.ShowsProgress && !Console.IsInputRedirected)
            console.Say($"Type the question, then {(OperatingSystem.IsWindows() ? "Ctrl+Z and Enter" : "Ctrl+D")}.");
        using var reader = new StreamReader(console.OpenInput());
        // A read from a terminal cannot be cancelled, but need not be waited for.
        return (await reader.ReadToEndAsync(CancellationToken.None).WaitAsync(cancellationToken)).TrimEnd('\r', '\n');
    }

    private static AskDocument ToDocument(GenerationResult result, double loadMs) =>
        new(
            result.Text,
            result.FinishReason == FinishReason.Stop ? "stop" : "length",
            result.PromptTokenCount,
            result.ImageTokenCount,
            result.TokenIds.Count,
            result.TokenIds,
            new TimingsDocument(
                CliJson.Milliseconds(loadMs),
                CliJson.Milliseconds(result.Timings.PreprocessMs),
                CliJson.Milliseconds(result.Timings.EncodeMs),
                CliJson.Milliseconds(result.Timings.PrefillMs),
                CliJson.Milliseconds(result.Timings.FirstTokenMs),
                CliJson.Milliseconds(result.Timings.DecodeMs)
            )
        )
        {
            Regions = result.Regions.Count > 0 ? [.. result.Regions.Select(RegionDocument.Of)] : null,
        };
}
