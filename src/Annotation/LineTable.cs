using System.Text;
using System.Text.Json;

namespace Tessera.Annotation;

/// <summary>The lines of an <see cref="AnnotationFile"/> as a table of comma-separated values (RFC 4180): the path, the answer or a column
/// for each member of the objects, the error, and the tokens.</summary>
public static class LineTable
{
    private const int MostMembers = 256;

    /// <summary>Writes the table.</summary>
    /// <param name="lines">An <see cref="AnnotationFile"/>, which nobody has open.</param>
    /// <param name="table">Where to write it, in UTF-8.</param>
    /// <exception cref="TesseraException">There is no such file, or it holds something else.</exception>
    public static void Write(string lines, Stream table)
    {
        List<string> members = MembersOf(lines);
        using var writer = new StreamWriter(table, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\r\n" };
        WriteRow(writer, ["path", "answer", .. members, "error", "finish_reason", "prompt_tokens", "image_tokens", "completion_tokens"]);
        foreach (AnnotationLine line in Read(lines))
            WriteRow(
                writer,
                [
                    line.Path,
                    line.Answer ?? (line.Object is { ValueKind: not JsonValueKind.Object } value ? TextOf(value) : ""),
                    .. members.Select(member => Member(line, member)),
                    line.Error ?? "",
                    line.FinishReason ?? "",
                    $"{line.PromptTokens}",
                    $"{line.ImageTokens}",
                    $"{line.CompletionTokens}",
                ]
            );
    }

    // In the order in which they first come.
    private static List<string> MembersOf(string lines)
    {
        var members = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (AnnotationLine line in Read(lines))
            if (line.Object is { ValueKind: JsonValueKind.Object } value)
                foreach (JsonProperty member in value.EnumerateObject())
                    if (members.Count < MostMembers && known.Add(member.Name))
                        members.Add(member.Name);
        return members;
    }

    private static IEnumerable<AnnotationLine> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        foreach ((ReadOnlyMemory<byte> bytes, _, bool isWhole) in JsonLines.Read(stream))
            if (isWhole)
                yield return ReadLine(path, bytes.Span);
    }

    private static AnnotationLine ReadLine(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return AnnotationLine.FromJson(bytes);
        }
        catch (JsonException failure)
        {
            throw new TesseraException($"{path}: it holds a line that is no result of annotate.", failure);
        }
    }

    private static string Member(AnnotationLine line, string name) =>
        line.Object is { ValueKind: JsonValueKind.Object } value && value.TryGetProperty(name, out JsonElement member)
            ? TextOf(member)
            : "";

    private static string TextOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => value.GetString() ?? "",
            JsonValueKind.Null => "",
            _ => value.GetRawText(),
        };

    private static void WriteRow(StreamWriter writer, IEnumerable<string> cells) =>
        writer.WriteLine(string.Join(',', cells.Select(Quoted)));

    private static string Quoted(string cell) =>
        cell.AsSpan().ContainsAny(",\"\r\n") || cell.Length > 0 && (cell[0] == ' ' || cell[^1] == ' ')
            ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : cell;
}
