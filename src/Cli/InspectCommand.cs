using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;

namespace Tessera.Cli;

/// <summary><c>tessera inspect</c>: metadata and tensors of a GGUF file.</summary>
internal static class InspectCommand
{
    private const int MaxTextLength = 100;

    public static Command Create(CliConsole console)
    {
        var file = new Argument<string>("FILE") { Description = "The GGUF file." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document with the whole metadata." };
        var command = new Command("inspect", """
            Print the metadata and tensors of a GGUF file.

            Example: tessera inspect mmproj-f16.gguf
            """);
        command.Add(file);
        command.Add(json);
        command.SetAction(parsed =>
        {
            ModelFileReport report = ModelFileReport.Read(parsed.GetRequiredValue(file));
            if (parsed.GetValue(json)) CliJson.Write(console.Out, ToDocument(report));
            else Print(console.Out, report);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(TextWriter output, ModelFileReport report)
    {
        output.WriteLine($"{report.Path}: GGUF version {report.Version}, alignment {report.Alignment}");
        output.WriteLine();
        output.WriteLine($"{report.Metadata.Count} metadata entries");
        int keyWidth = report.Metadata.Select(static entry => entry.Key.Length).DefaultIfEmpty().Max();
        foreach (MetadataEntry entry in report.Metadata)
        {
            string kind = entry.Kind.StartsWith("array", StringComparison.Ordinal) ? $"{entry.Kind} [{entry.Count}]" : entry.Kind;
            output.WriteLine($"  {OneLine(entry.Key).PadRight(keyWidth)}  {kind}  {OneLine(entry.Text)}");
        }

        output.WriteLine();
        output.WriteLine($"{report.Tensors.Count} tensors, {report.Tensors.Sum(static tensor => tensor.ByteLength):N0} bytes (shapes with the fastest dimension first)");
        int nameWidth = report.Tensors.Select(static tensor => tensor.Name.Length).DefaultIfEmpty().Max();
        foreach (TensorEntry tensor in report.Tensors)
            output.WriteLine($"  {OneLine(tensor.Name).PadRight(nameWidth)}  {tensor.Type,-6}  {string.Join(" x ", tensor.Shape)}");
    }

    // What a file says must not steer the terminal.
    private static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (char character in text.Length > MaxTextLength ? text.AsSpan(0, MaxTextLength) : text)
            line.Append(character == '\n' ? "\\n" : char.IsControl(character) ? "\ufffd" : character.ToString());
        return text.Length > MaxTextLength ? line.Append('…').ToString() : line.ToString();
    }

    private static InspectDocument ToDocument(ModelFileReport report)
    {
        var metadata = new JsonObject();
        foreach (MetadataEntry entry in report.Metadata) metadata.Add(entry.Key, entry.Value);
        return new InspectDocument(report.Path, report.Version, report.Alignment, metadata,
            [.. report.Tensors.Select(static tensor => new TensorDocument(tensor.Name, tensor.Type, tensor.Shape, tensor.Offset, tensor.ByteLength))]);
    }
}
