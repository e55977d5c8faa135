using System.CommandLine;
using System.Diagnostics;
using Tessera.Annotation;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Queue;
using Tessera.Shared;

namespace Tessera.Cli.Annotate;

/// <summary><c>tessera annotate</c>: the same question about many pictures, a line of JSON for each.</summary>
internal sealed class AnnotateCommand(CliConsole console)
{
    private const int MostAtOnce = 64;
    private readonly ModelArguments model = new(console);
    private readonly AnnotateSources sources = new(console);
    private readonly AnnotateArguments asked = new();
    private readonly Option<string> output = new("--out")
    {
        Description = "The file of lines to write, or - for standard output.",
        HelpName = "FILE.jsonl",
        Required = true,
    };
    private readonly Option<bool> resume = new("--resume") { Description = "Go on with the file: its pictures are done." };
    private readonly Option<string?> csv = new("--csv")
    {
        Description = "In the end, write the lines as a table too.",
        HelpName = "FILE.csv",
    };
    private readonly QueueArguments queue = new(console, isRequired: false);
    private readonly Option<bool> sends = new("--send")
    {
        Description = "Send the pictures' bytes through the queue, where the workers do not share their folder.",
    };
    private readonly Option<int> parallel = OptionValues.Number(
        "--parallel",
        "Answers that are decoded together.",
        "N",
        PictureAnnotator.UsualAnswerCount,
        1,
        MostAtOnce
    );
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document about the run." };

    public static Command Create(CliConsole console)
    {
        var annotate = new AnnotateCommand(console);
        var command = new ExampleCommand(
            "annotate",
            "Ask the same about many pictures, and write one line of JSON for each.",
            "tessera annotate photos --prompt \"What is in this picture?\" --out photos.jsonl"
        );
        annotate.sources.AddTo(command);
        annotate.asked.AddTo(command);
        foreach (Option option in (Option[])[annotate.output, annotate.resume, annotate.csv, annotate.parallel])
            command.Add(option);
        annotate.queue.AddTo(command);
        command.Add(annotate.sends);
        annotate.model.AddTo(command);
        command.Add(annotate.json);
        command.SetAction(annotate.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string path = parsed.GetRequiredValue(output);
        if (path == "-" && (parsed.GetValue(resume) || parsed.GetValue(csv) is not null || parsed.GetValue(json)))
            throw new UsageException("With --out - there is no file for --resume and --csv, and no room for --json.");
        if (queue.Any(parsed) && model.IsNamed(parsed))
            throw new UsageException("With --queue the workers have the model: give -m and --mmproj to 'tessera work'.");
        if (parsed.GetValue(sends) && !queue.Any(parsed))
            throw new UsageException("--send goes with --queue.");
        sources.Check(parsed);
        AnnotationRequest request = await asked.ReadAsync(parsed, model.Limits(parsed), cancellationToken);
        long started = Stopwatch.GetTimestamp();
        int resumed;
        (int Count, int Failed) made;
        using (AnnotationFile file = Open(parsed, path, request))
        {
            resumed = file.Count;
            try
            {
                await (
                    queue.Any(parsed)
                        ? CollectAsync(parsed, request, file, cancellationToken)
                        : RunAsync(parsed, request, file, cancellationToken)
                );
            }
            finally
            {
                file.Flush();
                made = (file.Count - resumed, file.FailedCount);
            }
        }

        WriteTable(parsed, path);
        return Report(parsed, new AnnotateDocument(path, made.Count, made.Failed, resumed, Stopwatch.GetElapsedTime(started).TotalSeconds));
    }

    private async Task RunAsync(ParseResult parsed, AnnotationRequest request, AnnotationFile file, CancellationToken cancellationToken)
    {
        int answerCount = parsed.GetValue(parallel);
        using MultimodalModel loaded = await AnnotateModel.LoadAsync(
            console,
            model.ToOptions(parsed, needsVision: true),
            request.Options,
            answerCount,
            cancellationToken
        );
        await AnnotateDisplay.RunAsync(
            console,
            async display =>
            {
                Task counting = ShowCountAsync(parsed, file, display, cancellationToken);
                await foreach (
                    AnnotationLine line in new PictureAnnotator(loaded, request).RunAsync(
                        Items(parsed, file, cancellationToken),
                        answerCount,
                        cancellationToken
                    )
                )
                {
                    if (file.Append(line))
                        display.Advance();
                }

                return await Task.WhenAny(counting);
            }
        );
    }

    private async Task CollectAsync(ParseResult parsed, AnnotationRequest request, AnnotationFile file, CancellationToken cancellationToken)
    {
        await using QueueConnection connection = await queue.OpenAsync(parsed, cancellationToken);
        var job = new QueueJob { Request = request, SendsPictures = parsed.GetValue(sends) };
        var collector = new QueueCollector(connection, job, file, Path.GetFullPath(parsed.GetRequiredValue(output)));
        await AnnotateDisplay.RunAsync(
            console,
            async display =>
            {
                collector.Collected += _ => display.Advance();
                Task counting = ShowCountAsync(parsed, file, display, cancellationToken);
                await collector.RunAsync(Items(parsed, file, cancellationToken), cancellationToken);
                return await Task.WhenAny(counting);
            }
        );
    }

    private async IAsyncEnumerable<AnnotationItem> Items(
        ParseResult parsed,
        AnnotationFile file,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var given = new HashSet<PathKey>();
        await foreach (string path in sources.PathsAsync(parsed, cancellationToken))
            if (PathKey.Of(path) is var key && !file.Has(key) && given.Add(key))
                yield return sources.ItemOf(path, model.AllowsLocal(parsed));
    }

    // Beside the work: a list of millions is read twice rather than kept.
    private async Task ShowCountAsync(ParseResult parsed, AnnotationFile file, AnnotateDisplay display, CancellationToken cancellationToken)
    {
        if (!console.ShowsProgress)
            return;
        int resumed = file.Count;
        long count = await sources.CountAsync(parsed, cancellationToken);
        display.SetTotal(count < 0 ? count : Math.Max(0, count - resumed));
    }

    private AnnotationFile Open(ParseResult parsed, string path, AnnotationRequest request)
    {
        if (path == "-")
            return AnnotationFile.Over(console.OpenOutput(), "standard output");
        OutputFiles.RequireFolder(path);
        if (parsed.GetValue(csv) is string table)
            OutputFiles.RequireFolder(table);
        return parsed.GetValue(resume) ? AnnotationFile.Resume(path, request) : AnnotationFile.Create(path, request);
    }

    private void WriteTable(ParseResult parsed, string path)
    {
        if (parsed.GetValue(csv) is string table)
            WholeFile.Write(table, stream => LineTable.Write(path, stream), isDurable: false);
    }

    private int Report(ParseResult parsed, AnnotateDocument run)
    {
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, run);
        else if (run.Pictures + run.Resumed == 0)
            console.Say("No picture was found.");
        else if (run.Out != "-")
            console.Out.WriteLine(
                PlainText.Clean(run.Out)
                    + FormattableString.Invariant(
                        $": {run.Pictures} pictures in {run.Seconds:0.0} s, {run.Pictures / run.Seconds:0.0} per second"
                    )
            );
        if (run.Failed > 0)
            console.Say($"{run.Failed} lines of {run.Out} say why there is no answer.");
        return run.Failed > 0 && run.Failed == run.Pictures + run.Resumed ? ExitCode.Failed : ExitCode.Success;
    }
}
