using System.CommandLine;
using Spectre.Console;
using Tessera.Checkpoints;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera convert</c>: a checkpoint's folder as GGUF files.</summary>
internal sealed class ConvertCommand(CliConsole console)
{
    private const int BarWidth = 20;
    private readonly Argument<string> folder = new("DIR") { Description = "The checkpoint's folder, as it lies on the hub." };
    private readonly Option<string> output = new("--out")
    {
        Description = "The folder to write to.",
        HelpName = "FOLDER",
        DefaultValueFactory = static _ => ".",
    };
    private readonly Option<string> name = new("--name") { Description = "The model's name; without it, the folder's.", HelpName = "NAME" };
    private readonly Option<WeightType> type = OptionValues.Choice<WeightType>("--type", "How matrices are stored.");
    private readonly Option<string[]> towers = new("--vision-tower")
    {
        Description = "The vision tower's folder, where the checkpoint has none; once for each, where it has several.",
        HelpName = "DIR",
    };
    private readonly Option<string> language = new("--language-model")
    {
        Description = "The language model's folder, where the checkpoint has none.",
        HelpName = "DIR",
    };
    private readonly Option<bool> allowsNaN = new("--allow-nan") { Description = "Convert weights that are no numbers too." };
    private readonly Option<bool> dryRun = new("--dry-run") { Description = "Print what would be written, and write nothing." };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document about the files." };

    public static Command Create(CliConsole console)
    {
        var convert = new ConvertCommand(console);
        var command = new ExampleCommand(
            "convert",
            "Convert a released checkpoint (safetensors or PyTorch files) to GGUF files.",
            "tessera convert llava-1.5-7b-hf --out models --type q8_0"
        );
        command.Add(convert.folder);
        foreach (
            Option option in (Option[])
                [
                    convert.output,
                    convert.name,
                    convert.type,
                    convert.towers,
                    convert.language,
                    convert.allowsNaN,
                    convert.dryRun,
                    convert.json,
                ]
        )
            command.Add(option);
        command.SetAction(convert.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            parsed.GetRequiredValue(folder),
            new ConversionOptions
            {
                OutputFolder = parsed.GetRequiredValue(output) is { Length: > 0 } path ? path : throw new UsageException("--out is empty."),
                Name = parsed.GetValue(name),
                Type = parsed.GetValue(type),
                VisionTowerFolders = parsed.GetValue(towers) ?? [],
                LanguageModelFolder = parsed.GetValue(language),
                AllowNaN = parsed.GetValue(allowsNaN),
            }
        );
        bool writes = !parsed.GetValue(dryRun);
        if (writes)
            await WriteAsync(converter, cancellationToken);
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, Document(converter));
        else
            Print(converter, writes);
        return ExitCode.Success;
    }

    private async Task WriteAsync(CheckpointConverter converter, CancellationToken cancellationToken)
    {
        if (!console.ShowsProgress)
        {
            await converter.ConvertAsync(null, cancellationToken);
            return;
        }

        IAnsiConsole screen = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(console.Error),
                Ansi = AnsiSupport.Yes,
                Interactive = InteractionSupport.Yes,
            }
        );
        await screen
            .Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(
                new TaskDescriptionColumn(),
                new ProgressBarColumn { Width = BarWidth },
                new PercentageColumn(),
                new TransferSpeedColumn(),
                new RemainingTimeColumn()
            )
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask("Converting");
                return converter.ConvertAsync(new Bar(task), cancellationToken);
            });
    }

    private void Print(CheckpointConverter converter, bool wasWritten)
    {
        console.Out.WriteLine($"{PlainText.Clean(converter.Family)}, language model {PlainText.Clean(converter.Architecture)}");
        foreach (ConvertedFile file in Files(converter))
        {
            console.Out.WriteLine($"{file.Path}: {file.Tensors.Count} tensors, {file.Bytes} bytes");
            if (wasWritten)
                continue;
            foreach (ConvertedTensor tensor in file.Tensors)
                console.WriteRow(
                    $"  {tensor.Name} {tensor.Type} [{string.Join(", ", tensor.Shape)}] from {PlainText.Clean(tensor.Source)}"
                );
        }
    }

    private static ConvertDocument Document(CheckpointConverter converter)
    {
        ConvertedFile[] files = [.. Files(converter)];
        return new ConvertDocument(
            converter.Model.Path,
            converter.Projector?.Path,
            converter.Family,
            converter.Architecture,
            files.Sum(static file => file.Tensors.Count),
            files.Sum(static file => file.Bytes)
        );
    }

    private static IEnumerable<ConvertedFile> Files(CheckpointConverter converter) =>
        converter.Projector is ConvertedFile projector ? [converter.Model, projector] : [converter.Model];

    // Rate and time left are the library's own, from value and time.
    private sealed class Bar(ProgressTask task) : IProgress<ConversionProgress>
    {
        public void Report(ConversionProgress value)
        {
            task.MaxValue = Math.Max(1, value.TotalBytes);
            task.Value = value.WrittenBytes;
        }
    }
}
