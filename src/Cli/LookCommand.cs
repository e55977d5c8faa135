using System.CommandLine;

namespace Tessera.Cli;

/// <summary><c>tessera look</c>: what the model will see of a picture, before anything is encoded.</summary>
internal static class LookCommand
{
    public static Command Create(CliConsole console)
    {
        var image = new Argument<string>("IMAGE") { Description = "The picture's file or http(s) address, or - for standard input." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document instead of text." };
        var model = new ModelArguments();
        var command = new Command("look", """
            Show how a picture is cut into slices and how many tokens it becomes.

            Example: tessera look -m llava-v1.5-7b.gguf photo.jpg
            """);
        command.Add(image);
        model.AddVisionTo(command);
        command.Add(json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using VisionModel vision = model.OpenVision(parsed);
            PromptImage picture = await ImageInputs.ReadAsync(parsed.GetRequiredValue(image), console, cancellationToken);
            LookDocument document = Describe(vision, picture);
            if (parsed.GetValue(json)) CliJson.Write(console.Out, document);
            else Print(console.Out, document);
            return ExitCode.Success;
        });
        return command;
    }

    private static LookDocument Describe(VisionModel vision, PromptImage picture)
    {
        var plan = vision.Plan(vision.ReadSize(picture));
        return new LookDocument(
            new SizeDocument(plan.Image.Width, plan.Image.Height),
            vision.Family,
            new GridDocument(plan.Columns, plan.Rows),
            new SizeDocument(plan.Refined.Width, plan.Refined.Height),
            [.. plan.Slices.Select(static slice => new SliceDocument(slice.Kind.ToString().ToLowerInvariant(), slice.Row, slice.Column, slice.Size.Width, slice.Size.Height, slice.TokenCount))],
            plan.ImageTokenCount);
    }

    private static void Print(TextWriter output, LookDocument document)
    {
        output.WriteLine($"picture   {document.Image.Width} x {document.Image.Height}");
        output.WriteLine($"family    {document.Family}");
        output.WriteLine($"grid      {document.Grid.Columns} x {document.Grid.Rows}");
        output.WriteLine($"refined   {document.Refined.Width} x {document.Refined.Height}");
        foreach (SliceDocument slice in document.Slices)
        {
            string place = slice.Kind == "tile" ? $" row {slice.Row}, column {slice.Column}" : "";
            output.WriteLine($"  {slice.Kind,-8} {slice.Width} x {slice.Height}, {slice.Tokens} tokens{place}");
        }

        output.WriteLine($"tokens    {document.ImageTokens}");
    }
}
