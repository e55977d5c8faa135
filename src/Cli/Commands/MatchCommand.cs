using System.CommandLine;
using System.Globalization;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera match</c>: how well texts match pictures.</summary>
internal sealed class MatchCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly Argument<string[]> images = new("IMAGE")
    {
        Description = "The pictures' files or http(s) addresses, or - for standard input.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string[]> texts = new("--text")
    {
        Description = "A text to match with each picture; may be given several times.",
        HelpName = "TEXT",
        Required = true,
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document instead of text." };

    public static Command Create(CliConsole console)
    {
        var match = new MatchCommand(console);
        var command = new ExampleCommand(
            "match",
            "Tell how well texts match pictures, with a model that was made for it (BLIP's image-text matching).",
            "tessera match -m blip-itm-base-coco-F16.gguf photo.jpg --text \"a dog on the grass\" --text \"a cat\""
        );
        command.Add(match.images);
        command.Add(match.texts);
        match.model.AddEncodingTo(command);
        command.Add(match.json);
        command.SetAction(match.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using VisionModel vision = model.OpenMatching(parsed);
        var matcher = new PictureMatcher(vision);
        string[] sources = parsed.GetRequiredValue(images),
            wanted = parsed.GetRequiredValue(texts);
        var pictures = new List<PromptImage>();
        foreach (string source in sources)
            pictures.Add(await ImageInputs.ReadAsync(source, console, model.AllowsLocal(parsed), cancellationToken));
        IReadOnlyList<IReadOnlyList<MatchScore>> scores = await ProgressDisplay.RunAsync(
            console,
            progress =>
                Task.Run(
                    () =>
                    {
                        vision.LoadWeights(
                            model.ThreadCount(parsed),
                            model.VisionType(parsed),
                            progress,
                            model.VisionDevice(parsed),
                            cancellationToken
                        );
                        return matcher.Match(pictures, wanted, progress, cancellationToken);
                    },
                    cancellationToken
                )
        );
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, Document(sources, wanted, scores));
        else
            Print(sources, wanted, scores);
        return ExitCode.Success;
    }

    private void Print(string[] sources, string[] wanted, IReadOnlyList<IReadOnlyList<MatchScore>> scores)
    {
        for (int image = 0; image < sources.Length; image++)
        {
            console.Out.WriteLine(PlainText.Clean(sources[image]));
            for (int text = 0; text < wanted.Length; text++)
                console.Out.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"  {scores[image][text].Probability:0.0000}  cosine {scores[image][text].Cosine, 7:0.0000}  {PlainText.Clean(wanted[text])}"
                    )
                );
        }
    }

    private static MatchDocument Document(string[] sources, string[] wanted, IReadOnlyList<IReadOnlyList<MatchScore>> scores) =>
        new([
            .. sources.SelectMany(
                (source, image) =>
                    wanted.Select(
                        (text, index) =>
                            new MatchEntry(
                                source,
                                text,
                                scores[image][index].Probability,
                                scores[image][index].Cosine,
                                [scores[image][index].MismatchLogit, scores[image][index].MatchLogit]
                            )
                    )
            ),
        ]);
}
