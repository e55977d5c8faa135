using System.CommandLine;
using Tessera.Checkpoints;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera pull</c>: a model from the catalogue, a hub or an address.</summary>
internal sealed class PullCommand(CliConsole console)
{
    private readonly Argument<string> source = new("MODEL")
    {
        Description = "A name of 'tessera models', hf:OWNER/REPOSITORY with or without :FILE, or the address of a GGUF file.",
    };
    private readonly Option<string?> name = new("--name")
    {
        Description = "What to call it here; without it, as the source does.",
        HelpName = "NAME",
    };
    private readonly Option<string?> type = new("--type")
    {
        Description = "Quantize it to this type; a checkpoint is converted first.",
        HelpName = "TYPE",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document about the files." };

    public static Command Create(CliConsole console)
    {
        var pull = new PullCommand(console);
        var command = new ExampleCommand("pull", "Fetch a model; an interrupted pull goes on where it was.", "tessera pull minicpm-v-4.6");
        command.Add(pull.source);
        foreach (Option option in (Option[])[pull.name, pull.type, pull.json])
            command.Add(option);
        command.SetAction(pull.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string? wanted = parsed.GetValue(type);
        if (wanted is not null && !Quantizer.Recipes.Contains(wanted, StringComparer.OrdinalIgnoreCase))
            throw new UsageException($"--type is '{wanted}', which is none of {string.Join(", ", Quantizer.Recipes)}.");
        PulledModel pulled = await FetchAsync(parsed, cancellationToken);
        if (wanted is not null)
            pulled = pulled.CheckpointFolder is null
                ? await QuantizeAsync(pulled, wanted, cancellationToken)
                : await ConvertAsync(pulled, wanted, cancellationToken);
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, new PullDocument(pulled.Name, pulled.ModelPath, pulled.ProjectorPath, pulled.CheckpointFolder));
        else
            Print(pulled);
        return ExitCode.Success;
    }

    private Task<PulledModel> FetchAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        TransferDisplay.RunAsync(
            console,
            tell =>
            {
                Relay<PullProgress>? progress = tell is null
                    ? null
                    : new(step => tell(step.IsVerifying ? $"Checking {step.File}" : step.File, step.DoneBytes, step.TotalBytes));
                return ModelCatalog.PullAsync(
                    parsed.GetRequiredValue(source),
                    new PullOptions { Name = parsed.GetValue(name) },
                    progress,
                    cancellationToken
                );
            }
        );

    // In half precision first; the checkpoint goes when the model is whole.
    private async Task<PulledModel> ConvertAsync(PulledModel pulled, string recipe, CancellationToken cancellationToken)
    {
        var options = new ConversionOptions { OutputFolder = pulled.Folder, Name = pulled.Name };
        string model;
        string? projector;
        using (CheckpointConverter converter = CheckpointConverter.Open(pulled.CheckpointFolder!, options))
        {
            await TransferDisplay.RunAsync(
                console,
                async tell =>
                {
                    Relay<ConversionProgress>? progress = tell is null
                        ? null
                        : new(step => tell("Converting", step.WrittenBytes, step.TotalBytes));
                    await converter.ConvertAsync(progress, cancellationToken);
                    return true;
                }
            );
            (model, projector) = (converter.Model.Path, converter.Projector?.Path);
        }

        PulledModel converted = await QuantizeAsync(
            pulled with
            {
                ModelPath = model,
                ProjectorPath = projector,
            },
            recipe,
            cancellationToken
        );
        Directory.Delete(pulled.CheckpointFolder!, recursive: true);
        return converted with { CheckpointFolder = null };
    }

    private async Task<PulledModel> QuantizeAsync(PulledModel pulled, string recipe, CancellationToken cancellationToken)
    {
        string target = Path.Combine(pulled.Folder, $"{pulled.Name}-{recipe.ToUpperInvariant()}.gguf");
        var options = new QuantizationOptions { Recipe = recipe, Trial = console.Trial };
        await TransferDisplay.RunAsync(
            console,
            tell =>
            {
                Relay<QuantizationProgress>? progress = tell is null
                    ? null
                    : new(step => tell("Quantizing", step.DoneBytes, step.TotalBytes));
                return Quantizer.QuantizeAsync(pulled.ModelPath!, target, options, progress, cancellationToken);
            }
        );
        if (Path.GetFullPath(pulled.ModelPath!) != Path.GetFullPath(target))
            File.Delete(pulled.ModelPath!);
        return pulled with { ModelPath = target };
    }

    private void Print(PulledModel pulled)
    {
        foreach (string path in ((string?[])[pulled.ModelPath, pulled.ProjectorPath]).OfType<string>())
            console.Out.WriteLine($"{path}: {ByteText.Of(new FileInfo(path).Length)}");
        if (pulled.CheckpointFolder is { } folder)
            console.Say(
                $"{folder} is a checkpoint: 'tessera pull {pulled.Name} --type Q4_K_M' makes a model of it, "
                    + $"and 'tessera convert {folder}' does so elsewhere."
            );
        else
            console.Say($"'tessera ask -m {pulled.Name} -i PICTURE QUESTION' uses it.");
    }
}
