using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera inspect</c>: metadata and tensors of a GGUF file.</summary>
internal static class InspectCommand
{
    private const int MaxTextLength = 100;

    public static Command Create(CliConsole console)
    {
        var file = new Argument<string>("FILE") { Description = "The GGUF file." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document with the whole metadata." };
        var command = new ExampleCommand("inspect", "Print the metadata and tensors of a GGUF file.", "tessera inspect mmproj-f16.gguf");
        command.Add(file);
        command.Add(json);
        command.SetAction(parsed =>
        {
            ModelFileReport report = ModelFileReport.Read(parsed.GetRequiredValue(file));
            if (parsed.GetValue(json))
                CliJson.Write(console.Out, ToDocument(report));
            else
                Print(console, report);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(CliConsole console, ModelFileReport report)
    {
        console.Out.WriteLine($"{report.Path}: GGUF version {report.Version}, alignment {report.Alignment}");
        console.Out.WriteLine();
        console.Out.WriteLine($"{report.Metadata.Count} metadata entries");
        PrintTable(console, report.Metadata.Select(static entry => (OneLine(entry.Key), KindOf(entry), OneLine(entry.Text))));
        console.Out.WriteLine();
        console.Out.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{report.Tensors.Count} tensors, {report.Tensors.Sum(static tensor => tensor.ByteLength):N0} bytes (shapes with the "
                    + $"fastest dimension first)"
            )
        );
        PrintTable(console, report.Tensors.Select(static tensor => (OneLine(tensor.Name), tensor.Type, string.Join(" x ", tensor.Shape))));
    }

    private static void PrintTable(CliConsole console, IEnumerable<(string Name, string Kind, string Value)> rows)
    {
        var table = rows.ToArray();
        int nameWidth = table.Select(static row => row.Name.Length).DefaultIfEmpty().Max(),
            kindWidth = table.Select(static row => row.Kind.Length).DefaultIfEmpty().Max();
        foreach ((string name, string kind, string value) in table)
            console.WriteRow($"  {name.PadRight(nameWidth)}  {kind.PadRight(kindWidth)}  {value}");
    }

    private static string KindOf(MetadataEntry entry)
    {
        const string Array = "array of ";
        return entry.Kind.StartsWith(Array, StringComparison.Ordinal) ? $"{entry.Kind[Array.Length..]}[{entry.Count}]" : entry.Kind;
    }

    // What a file says must not steer the terminal.
    private static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (char character in text.Length > MaxTextLength ? text.AsSpan(0, MaxTextLength) : text)
            line.Append(
                character == '\n' ? "\\n"
                : PlainText.IsHarmful(character) || character == '\t' ? "\ufffd"
                : character.ToString()
            );
        return text.Length > MaxTextLength ? line.Append('…').ToString() : line.ToString();
    }

    private static InspectDocument ToDocument(ModelFileReport report)
    {
        var metadata = new JsonObject();
        foreach (MetadataEntry entry in report.Metadata)
            metadata.Add(entry.Key, entry.Value);
        return new InspectDocument(
            report.Path,
            report.Version,
            report.Alignment,
            metadata,
            [
                .. report.Tensors.Select(static tensor => new TensorDocument(
                    tensor.Name,
                    tensor.Type,
                    tensor.Shape,
                    tensor.Offset,
                    tensor.ByteLength
                )),
            ]
        );
    }
}
