using System.CommandLine;
using System.Diagnostics;
using Tessera.Annotation;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Queue;

namespace Tessera.Cli.Annotate;

/// <summary><c>tessera work</c>: takes pictures from a queue and answers what is asked about them.</summary>
internal sealed class WorkCommand(CliConsole console)
{
    private const int MostAtOnce = 64;
    private readonly ModelArguments model = new(console);
    private readonly QueueArguments queue = new(console, isRequired: true);
    private readonly Option<string[]> roots = new("--root")
    {
        Description = "Open pictures in this folder only; may be given several times. Without it, wherever the queue says they lie.",
        HelpName = "FOLDER",
    };
    private readonly Option<int> parallel = OptionValues.Number(
        "--parallel",
        "Answers that are decoded together.",
        "N",
        PictureAnnotator.UsualAnswerCount,
        1,
        MostAtOnce
    );
    private readonly Option<int> ackWait = OptionValues.Number(
        "--ack-wait",
        "After how long without a sign of life a worker's pictures go to another one; the same for all.",
        "SECONDS",
        10,
        1,
        3600
    );
    private readonly Option<int?> idle = OptionValues.OptionalNumber("--idle", "End when nothing has come for so long.", 1, 1_000_000);
    private readonly Option<bool> json = new("--json") { Description = "In the end, print one JSON document about the work." };

    public static Command Create(CliConsole console)
    {
        var work = new WorkCommand(console);
        var command = new ExampleCommand(
            "work",
            "Answer for 'tessera annotate --queue', on this machine.",
            "tessera work --queue nats://queue.example:4222 -m llava-v1.5-7b"
        );
        work.queue.AddTo(command);
        work.idle.HelpName = "SECONDS";
        foreach (Option option in (Option[])[work.roots, work.parallel, work.ackWait, work.idle])
            command.Add(option);
        work.model.AddTo(command);
        command.Add(work.json);
        command.SetAction(work.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        string[] allowed = parsed.GetValue(roots) ?? [];
        FolderBounds? bounds = allowed.Length > 0 ? FolderBounds.Of(allowed, "--root") : null;
        await using QueueConnection connection = await queue.OpenAsync(parsed, cancellationToken);
        int answerCount = parsed.GetValue(parallel);
        using MultimodalModel loaded = await AnnotateModel.LoadAsync(
            console,
            model.ToOptions(parsed, needsVision: true),
            new GenerationOptions(),
            answerCount,
            cancellationToken
        );
        var worker = new QueueWorker(
            connection,
            loaded,
            new WorkerOptions
            {
                OpenAsync = new BoundedPictures(console, bounds).ReadAsync,
                AnswerCount = answerCount,
                AckWait = TimeSpan.FromSeconds(parsed.GetValue(ackWait)),
                Idle = parsed.GetValue(idle) is int seconds ? TimeSpan.FromSeconds(seconds) : null,
            }
        );
        (int Count, int Failed) done = (0, 0);
        await AnnotateDisplay.RunAsync(
            console,
            async display =>
            {
                display.SetTotal(-1);
                worker.Done += line =>
                {
                    Interlocked.Increment(ref done.Count);
                    if (line.Error is not null)
                        Interlocked.Increment(ref done.Failed);
                    display.Advance();
                };
                await worker.RunAsync(cancellationToken);
                return 0;
            }
        );
        var document = new WorkDocument(done.Count, done.Failed, Stopwatch.GetElapsedTime(started).TotalSeconds);
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, document);
        else
            console.Out.WriteLine(FormattableString.Invariant($"{document.Pictures} pictures in {document.Seconds:0.0} s"));
        return ExitCode.Success;
    }
}
