using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Tessera.Templates;

namespace Tessera.Extensions.AI;

/// <summary>Writes tools, arguments and results for the model.</summary>
internal static class ToolText
{
    // On one line, as templates write JSON themselves, and with letters of all scripts as they are.
    private static readonly JsonSerializerOptions compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The tools as chat templates take them: a list of functions with their JSON schemas.</summary>
    /// <exception cref="ChatOptionException">One is no function.</exception>
    public static TemplateValue OfTools(IEnumerable<AITool> tools) => TemplateValue.List(tools.Select(static tool => tool is AIFunctionDeclaration function
        ? TemplateValue.Map([("type", TemplateValue.From("function")), ("function", OfFunction(function))])
        : throw new ChatOptionException(nameof(ChatOptions.Tools), $"{tool.Name} is a {tool.GetType().Name}, but the model can only call functions.")));

    /// <summary>Arguments as a JSON object.</summary>
    public static string OfArguments(IDictionary<string, object?>? arguments)
    {
        var json = new JsonObject();
        foreach ((string name, object? value) in arguments ?? new Dictionary<string, object?>()) json[name] = value is null ? null : JsonNode.Parse(ToJson(value));
        return json.ToJsonString(compact);
    }

    /// <summary>What a tool answered: text as it is, other values as JSON, a failure by its message.</summary>
    public static string OfResult(FunctionResultContent result) => result switch
    {
        { Result: string text } => text,
        { Result: JsonElement { ValueKind: JsonValueKind.String } text } => text.GetString()!,
        { Result: TextContent text } => text.Text,
        { Result: AIContent content } => throw new NotSupportedException($"it is a {content.GetType().Name}, and the model takes only text from tools"),
        { Result: null, Exception: { } failure } => $"Error: {failure.Message}",
        { Result: null } => "",
        { Result: var value } => ToJson(value),
    };

    private static TemplateValue OfFunction(AIFunctionDeclaration function) => TemplateValue.Map(
    [
        ("name", TemplateValue.From(function.Name)),
        ("description", TemplateValue.From(function.Description)),
        ("parameters", TemplateValue.FromJson(function.JsonSchema)),
    ]);

    private static string ToJson(object value) => value switch
    {
        JsonElement json => json.GetRawText(),
        JsonNode node => node.ToJsonString(compact),
        _ => JsonSerializer.Serialize(value, compact.GetTypeInfo(value.GetType())),
    };
}
