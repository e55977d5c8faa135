using System.CommandLine;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera imatrix</c>: what matters in a language model's matrices.</summary>
internal static class ImatrixCommand
{
    public static Command Create(CliConsole console)
    {
        var model = new Argument<string>("MODEL") { Description = "The language model: a GGUF file or a name, best in F16 or Q8_0." };
        var text = new Option<string>("--text")
        {
            Description = "A text like what the model will read, some hundred kilobytes.",
            HelpName = "FILE",
            Required = true,
        };
        var output = new Option<string>("--out")
        {
            Description = "The file to write.",
            HelpName = "F",
            DefaultValueFactory = static _ => "imatrix.gguf",
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var command = new ExampleCommand(
            "imatrix",
            "Find out which weights matter, for 'tessera quantize --imatrix'.",
            "tessera imatrix model-f16.gguf --text letters.txt"
        );
        command.Add(model);
        foreach (Option option in (Option[])[text, output, json])
            command.Add(option);
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                string path = ModelCatalog.Resolve(parsed.GetRequiredValue(model), null, needsVision: false).ModelPath,
                    target = parsed.GetRequiredValue(output);
                NativeAbort.Blame(console, path);
                ModelTrial? trial = ModelCatalog.ComesWithTessera(path) ? null : console.Trial;
                int tokens = await TransferDisplay.RunAsync(
                    console,
                    tell =>
                    {
                        Relay<double>? progress = tell is null ? null : new(done => tell("Reading the text", (long)(done * 1000), 1000));
                        return ImportanceCollector.CollectAsync(
                            path,
                            parsed.GetRequiredValue(text),
                            target,
                            trial,
                            progress,
                            cancellationToken
                        );
                    }
                );
                if (parsed.GetValue(json))
                    CliJson.Write(console.Out, new ImatrixDocument(target, tokens));
                else
                    console.Out.WriteLine($"{target}: from {tokens} tokens");
                return ExitCode.Success;
            }
        );
        return command;
    }
}
