using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Server.Look;

namespace Tessera.Cli.Mcp;

/// <summary>The tools that agents see, and how their calls are answered. What a call says is not trusted.</summary>
internal static class McpTools
{
    private const string ReadingPrompt = "Read all the text in this picture. Answer with the text only, line by line.";
    private const int UsualTokens = 512;
    private const int MostTokens = 8192;
    private const int LongestQuestion = 1 << 16;
    private const string Picture = """
        "picture":{"type":"string","description":"The picture's path, a page of a PDF as report.pdf#3, or a data URI in base64."}
        """;

    /// <summary>The tools with the schemas of their arguments.</summary>
    public static IReadOnlyList<Tool> All { get; } =
    [
        New(
            "ask_about_picture",
            "Ask about a picture",
            "Answers a question about a picture, in words.",
            """
            ,"question":{"type":"string","description":"What to ask."},
            "max_tokens":{"type":"integer","minimum":1,"maximum":8192,"description":"The most tokens of the answer; 512 without it."}
            """,
            ["picture", "question"]
        ),
        New(
            "look",
            "Look at a picture",
            "Says how the model sees a picture, without running it: its size, how it is cut into slices, what it costs in tokens, and how "
                + "small a text can be and still be read."
        ),
        New("read_text", "Read the text in a picture", "Reads the text in a picture, such as a photographed page, a screenshot or a sign."),
    ];

    /// <summary>Answers a call. What is wrong with the picture or the model is the tool's error, which an agent can act on.</summary>
    public static async Task<CallToolResult> CallAsync(McpEyes eyes, CallToolRequestParams? call, CancellationToken cancellationToken)
    {
        if (call is null || All.All(tool => tool.Name != call.Name))
            throw new McpProtocolException("There is no such tool.", McpErrorCode.InvalidParams);
        try
        {
            string picture = Text(call, "picture");
            return call.Name switch
            {
                "ask_about_picture" => Said(
                    await eyes.AskAsync(
                        picture,
                        Text(call, "question"),
                        Number(call, "max_tokens", UsualTokens, MostTokens),
                        cancellationToken
                    )
                ),
                "read_text" => Said(await eyes.AskAsync(picture, ReadingPrompt, UsualTokens, cancellationToken)),
                _ => Seen(await eyes.LookAsync(picture, cancellationToken)),
            };
        }
        catch (Exception failure) when (failure is TesseraException or UsageException or ArgumentException or UriFormatException)
        {
            return new CallToolResult { IsError = true, Content = [new TextContentBlock { Text = FailureText.Of(failure) }] };
        }
    }

    private static CallToolResult Said(GenerationResult result)
    {
        string cut = result.FinishReason == FinishReason.Length ? $"\n[The answer was cut after {result.TokenIds.Count} tokens.]" : "";
        return new CallToolResult { Content = [new TextContentBlock { Text = result.Text + cut }] };
    }

    private static CallToolResult Seen((VisionModel Vision, SlicePlan Plan) seen)
    {
        LookDocument document = LookDocument.Of(seen.Vision, seen.Plan);
        using var text = new StringWriter { NewLine = "\n" };
        LookCommand.Print(text, document);
        using var json = new StringWriter();
        CliJson.Write(json, document);
        return new CallToolResult
        {
            Content = [new TextContentBlock { Text = text.ToString() }],
            StructuredContent = JsonElement.Parse(json.ToString()),
        };
    }

    private static string Text(CallToolRequestParams call, string name)
    {
        if (call.Arguments?.TryGetValue(name, out JsonElement value) != true || value.ValueKind != JsonValueKind.String)
            throw new UsageException($"{call.Name} needs {name}, a text.");
        string text = value.GetString()!;
        if (text.Trim().Length == 0)
            throw new UsageException($"{name} is empty.");
        return name == "picture" || text.Length <= LongestQuestion
            ? text
            : throw new UsageException($"{name} has more than {LongestQuestion} characters.");
    }

    private static int Number(CallToolRequestParams call, string name, int usual, int most)
    {
        if (call.Arguments?.TryGetValue(name, out JsonElement value) != true)
            return usual;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= 1 && number <= most
            ? number
            : throw new UsageException($"{name} must be a whole number within 1 to {most}.");
    }

    private static Tool New(string name, string title, string description, string more = "", params string[] required)
    {
        string names = string.Join(',', required.DefaultIfEmpty("picture").Select(static word => $"\"{word}\""));
        return new Tool
        {
            Name = name,
            Title = title,
            Description = description,
            InputSchema = JsonElement.Parse(
                $$"""
                {"type":"object","properties":{ {{Picture}}{{more}} },
                "required":[{{names}}],"additionalProperties":false}
                """
            ),
            Annotations = new ToolAnnotations
            {
                ReadOnlyHint = true,
                DestructiveHint = false,
                OpenWorldHint = false,
            },
        };
    }
}
