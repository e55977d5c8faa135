using System.CommandLine;
using System.Text.Json;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Synthetic;

namespace Tessera.Cli.Bench;

/// <summary><c>tessera bench</c>: what a picture costs, stage by stage.</summary>
internal sealed class BenchCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly Option<string?> image = new("--image", "-i")
    {
        Description = "A picture's file; without it, one is drawn.",
        HelpName = "IMAGE",
    };
    private readonly Option<string> size = new("--size")
    {
        Description = "Size of the drawn picture.",
        HelpName = "WIDTHxHEIGHT",
        DefaultValueFactory = static _ => "1344x896",
    };
    private readonly Option<string?> synthetic = new("--synthetic")
    {
        Description = $"Make a model of random weights in a released one's shape: {string.Join(", ", SyntheticModels.Names)}.",
        HelpName = "NAME",
    };
    private readonly Option<bool> visionF16 = new("--vision-f16")
    {
        Description = "The synthetic model's projector is F16 instead of Q8_0.",
    };
    private readonly Option<string?> folder = new("--folder")
    {
        Description = "Where synthetic models are kept; without it, tessera-models in the cache folder.",
        HelpName = "FOLDER",
    };
    private readonly Option<int> repeats = OptionValues.Number("--repeats", "Measured rounds.", "N", 5, 1, 1000);
    private readonly Option<int> warmUps = OptionValues.Number("--warm-ups", "Rounds before them that do not count.", "N", 1, 0, 1000);
    private readonly Option<int> maxTokens = OptionValues.Number("--max-tokens", "Tokens of each answer.", "N", 32, 1, 100_000);
    private readonly Option<int> sessions = OptionValues.Number(
        "--sessions",
        "Also measure N answers at once, and a picture that an earlier run encoded.",
        "N",
        0,
        0,
        256
    );
    private readonly Option<string?> compare = new("--compare")
    {
        Description = "A file that --json wrote, to show beside.",
        HelpName = "FILE",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document instead of a table." };

    public static Command Create(CliConsole console)
    {
        var bench = new BenchCommand(console);
        var command = new ExampleCommand(
            "bench",
            "Measure preprocessing, encoding, prefill and decoding.",
            "tessera bench --synthetic llava-next-1b --size 1344x896"
        );
        command.Add(bench.image);
        command.Add(bench.size);
        command.Add(bench.synthetic);
        command.Add(bench.visionF16);
        command.Add(bench.folder);
        bench.model.AddTo(command);
        command.Add(bench.repeats);
        command.Add(bench.warmUps);
        command.Add(bench.maxTokens);
        command.Add(bench.sessions);
        command.Add(bench.compare);
        command.Add(bench.json);
        command.SetAction(bench.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        BenchDocument? before = parsed.GetValue(compare) is string path ? Read(path) : null;
        BenchImages pictures = parsed.GetValue(image) is string file
            ? BenchImages.OfFile(await ImageInputs.ReadAsync(file, console, model.AllowsLocal(parsed), cancellationToken))
            : BenchImages.Drawn(parsed.GetRequiredValue(size));
        ModelOptions files = parsed.GetValue(synthetic) is string name
            ? await Task.Run(
                () =>
                    model.Apply(
                        parsed,
                        SyntheticModels.Make(
                            name,
                            parsed.GetValue(folder) ?? DefaultFolder(),
                            parsed.GetValue(visionF16),
                            cancellationToken
                        )
                    ),
                cancellationToken
            )
            : model.ToOptions(parsed, needsVision: true);
        var run = new BenchRun(files, pictures, model.Limits(parsed), parsed.GetValue(maxTokens), parsed.GetValue(sessions));
        BenchDocument document = await ProgressDisplay.RunAsync(
            console,
            progress => run.MeasureAsync(parsed.GetValue(warmUps), parsed.GetValue(repeats), progress, cancellationToken)
        );
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, document);
        else
            BenchTable.Print(console, document, before);
        return ExitCode.Success;
    }

    private static string DefaultFolder() =>
        Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create),
            "tessera-models"
        );

    private static BenchDocument Read(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return CliJson.Read<BenchDocument>(stream);
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it is no result of 'bench --json' that could be compared with.", failure);
        }
    }
}
