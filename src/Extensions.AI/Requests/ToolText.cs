using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>Writes tools, arguments and results for the model.</summary>
internal static class ToolText
{
    private const int MaxDepth = 128;

    // On one line, as templates write JSON themselves, and with letters of all scripts as they are.
    private static readonly JsonSerializerOptions Compact = new(AIJsonUtilities.DefaultOptions)
    {
        WriteIndented = false,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The tools as chat templates take them: a list of functions with their JSON schemas.</summary>
    /// <exception cref="ChatOptionException">One is no function.</exception>
    public static JsonElement OfTools(IEnumerable<AITool> tools)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = Compact.Encoder }))
        {
            writer.WriteStartArray();
            foreach (AITool tool in tools)
                WriteFunction(
                    writer,
                    tool as AIFunctionDeclaration
                        ?? throw new ChatOptionException(
                            nameof(ChatOptions.Tools),
                            $"{tool.Name} is a {tool.GetType().Name}, but the model can only call functions."
                        )
                );
            writer.WriteEndArray();
        }

        using JsonDocument list = JsonDocument.Parse(bytes.ToArray(), new JsonDocumentOptions { MaxDepth = MaxDepth });
        return list.RootElement.Clone();
    }

    /// <summary>Arguments as a JSON object.</summary>
    public static string OfArguments(IDictionary<string, object?>? arguments)
    {
        var json = new JsonObject();
        foreach ((string name, object? value) in arguments ?? new Dictionary<string, object?>())
            json[name] = value is null ? null : JsonNode.Parse(ToJson(value));
        return json.ToJsonString(Compact);
    }

    /// <summary>A call's arguments as a JSON object.</summary>
    public static JsonElement ArgumentsOf(FunctionCallContent call)
    {
        using JsonDocument arguments = JsonDocument.Parse(OfArguments(call.Arguments));
        return arguments.RootElement.Clone();
    }

    /// <summary>What a tool answered: text as it is, other values as JSON, a failure by its message.</summary>
    public static string OfResult(FunctionResultContent result) =>
        result switch
        {
            { Result: string text } => text,
            { Result: JsonElement { ValueKind: JsonValueKind.String } text } => text.GetString()!,
            { Result: TextContent text } => text.Text,
            { Result: AIContent content } => throw new NotSupportedException(
                $"it is a {content.GetType().Name}, and the model takes only text from tools"
            ),
            { Result: null, Exception: { } failure } => $"Error: {failure.Message}",
            { Result: null } => "",
            { Result: var value } => ToJson(value),
        };

    private static void WriteFunction(Utf8JsonWriter writer, AIFunctionDeclaration function)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "function");
        writer.WriteStartObject("function");
        writer.WriteString("name", function.Name);
        writer.WriteString("description", function.Description);
        writer.WritePropertyName("parameters");
        function.JsonSchema.WriteTo(writer);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static string ToJson(object value) =>
        value switch
        {
            JsonElement json => json.GetRawText(),
            JsonNode node => node.ToJsonString(Compact),
            _ => JsonSerializer.Serialize(value, Compact.GetTypeInfo(value.GetType())),
        };
}
