using System.CommandLine;
using System.Globalization;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;
using Tessera.Server.Look;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera look</c>: what the model will see of a picture, before anything is encoded.</summary>
internal sealed class LookCommand(CliConsole console)
{
    private readonly ModelArguments model = new(console);
    private readonly Argument<string?> image = new("IMAGE")
    {
        Description = "The picture's file or http(s) address, a page of a PDF as in report.pdf#3, or - for standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly VideoArguments videos = new();
    private readonly Option<string?> save = new("--save")
    {
        Description = "Write the picture with the grid drawn over it, as PNG, JPEG or WebP; - is standard output.",
        HelpName = "FILE",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document instead of text." };

    public static Command Create(CliConsole console)
    {
        var look = new LookCommand(console);
        var command = new ExampleCommand(
            "look",
            "Show how a picture is cut into slices and how many tokens it becomes.",
            "tessera look -m llava-v1.5-7b.gguf photo.jpg"
        );
        command.Add(look.image);
        look.videos.AddTo(command);
        look.model.AddVisionTo(command);
        command.Add(look.save);
        command.Add(look.json);
        command.SetAction(look.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using VisionModel vision = model.OpenVision(parsed);
        PromptMedia media = await ReadAsync(parsed, cancellationToken);
        SlicePlan plan = vision.Plan(media, model.Limits(parsed));
        if (parsed.GetValue(save) is string path)
        {
            OutputFiles.Require(console, "--save", path, ".png", ".jpg", ".jpeg", ".webp");
            Save(vision, media.Frames[0], plan, path, cancellationToken);
        }

        LookDocument document = LookDocument.Of(vision, plan);
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, document);
        else
            Print(parsed.GetValue(save) == OutputFiles.Standard ? console.Error : console.Out, document);
        return ExitCode.Success;
    }

    private void Save(VisionModel vision, PromptImage shown, SlicePlan plan, string path, CancellationToken cancellationToken)
    {
        if (path != OutputFiles.Standard)
        {
            vision.SaveGrid(shown, plan, path, cancellationToken);
            return;
        }

        using Stream stream = console.OpenOutput();
        vision.SaveGrid(shown, plan, stream, cancellationToken);
    }

    private async Task<PromptMedia> ReadAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string? source = parsed.GetValue(image);
        if (source is null == !videos.Any(parsed))
            throw new UsageException("Name one picture (IMAGE), or one video with --video.");
        if (source is not null)
            return await ImageInputs.ReadAsync(source, console, model.AllowsLocal(parsed), cancellationToken);
        IReadOnlyList<PromptVideo> read = await videos.ReadAsync(parsed, cancellationToken);
        return read.Count == 1 ? read[0] : throw new UsageException("Look at one video at a time.");
    }

    public static void Print(TextWriter output, LookDocument document)
    {
        if (document.Frames > 0)
            output.WriteLine($"video    {document.Frames} frames of {document.Image.Width} x {document.Image.Height}");
        else
            output.WriteLine($"picture  {document.Image.Width} x {document.Image.Height}");
        output.WriteLine($"family   {document.Family}");
        output.WriteLine(
            $"grid     {document.Grid.Columns} x {document.Grid.Rows} on {document.Refined.Width} x {document.Refined.Height}"
        );
        // A video's frames are all alike.
        foreach (SliceDocument slice in document.Frames > 0 ? document.Slices.Take(1) : document.Slices)
            output.WriteLine(Describe(slice, document.Image));
        output.WriteLine($"tokens   {document.ImageTokens}");
        if (document.Limited)
            output.WriteLine(
                $"limited  without limits there would be {document.UnlimitedSlices} slices and {document.UnlimitedTokens} tokens"
            );
        output.WriteLine($"lost     text under about {document.SmallestReadableText} pixels high will not be readable");
    }

    private static string Describe(SliceDocument slice, SizeDocument image)
    {
        string place = slice.Kind == "tile" ? $"tile {slice.Row},{slice.Column}" : slice.Kind;
        string shown =
            slice.Source == new SourceDocument(0, 0, image.Width, image.Height)
                ? "all"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{slice.Source.Width:0} x {slice.Source.Height:0} at {slice.Source.Left:0},{slice.Source.Top:0}"
                );
        return $"  {place, -9} {slice.Width} x {slice.Height}, {slice.Tokens} tokens, shows {shown}";
    }
}
