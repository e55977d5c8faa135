using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>Reads tools, their choice and the answer's format.</summary>
internal static class ToolFields
{
    private const int MaxTools = 128;
    private static readonly JsonElement NoParameters = JsonDocument.Parse("""{"type":"object","properties":{}}""").RootElement;

    /// <summary>Reads <c>tools</c>, <c>tool_choice</c> and <c>parallel_tool_calls</c>.</summary>
    /// <param name="body">The request.</param>
    /// <param name="options">Gets them.</param>
    /// <param name="isFlat">Whether functions are described beside their type, as in the responses API.</param>
    public static void Read(Fields body, ChatOptions options, bool isFlat)
    {
        options.AllowMultipleToolCalls = body.Flag("parallel_tool_calls");
        if (body.List("tools", MaxTools) is { Count: > 0 } tools)
            options.Tools = [.. tools.Select(tool => Tool(Fields.Of(tool.Value, tool.Path), isFlat))];
        if (body.Any("tool_choice") is { } choice)
            options.ToolMode = Choice(choice, body.At("tool_choice"), isFlat);
    }

    /// <summary>The format that <c>response_format</c>, or <c>text.format</c>, asks for.</summary>
    public static ChatResponseFormat? Format(Fields? format, bool isFlat)
    {
        switch (format?.RequiredText("type"))
        {
            case null or "text":
                return null;
            case "json_object":
                return ChatResponseFormat.Json;
            case "json_schema":
                Fields schema = isFlat ? format : format.Object("json_schema") ?? throw format.Missing("json_schema");
                JsonElement root = schema.Any("schema") ?? throw schema.Missing("schema");
                return ChatResponseFormat.ForJsonSchema(root.Clone(), schema.Text("name"), schema.Text("description"));
            case var other:
                throw ApiException.Field(
                    format.At("type"),
                    $"is '{Shared.PlainText.Quote(other)}': take text, json_object or json_schema."
                );
        }
    }

    /// <summary>A call that the model wrote before.</summary>
    public static FunctionCallContent Call(string id, Fields function, string path)
    {
        string written = function.Text("arguments") ?? "{}";
        try
        {
            using JsonDocument arguments = JsonDocument.Parse(written.Length == 0 ? "{}" : written);
            return new FunctionCallContent(id, function.RequiredText("name"), ArgumentsOf(arguments.RootElement, path));
        }
        catch (JsonException failure)
        {
            throw ApiException.Field($"{path}.arguments", "is no JSON.", failure);
        }
    }

    /// <summary>Arguments by their names.</summary>
    public static Dictionary<string, object?> ArgumentsOf(JsonElement arguments, string path) =>
        arguments.ValueKind == JsonValueKind.Object
            ? arguments
                .EnumerateObject()
                .DistinctBy(static field => field.Name)
                .ToDictionary(static field => field.Name, static field => (object?)field.Value.Clone())
            : throw ApiException.Field($"{path}.arguments", "must be a JSON object.");

    /// <summary>A call's arguments as text.</summary>
    public static string ArgumentText(FunctionCallContent call) => Extensions.AI.ToolText.OfArguments(call.Arguments);

    private static AIFunctionDeclaration Tool(Fields tool, bool isFlat)
    {
        if (tool.RequiredText("type") != "function")
            throw ApiException.Field(tool.At("type"), "must be function: this server has no tools of its own.");
        Fields function = isFlat ? tool : tool.Object("function") ?? throw tool.Missing("function");
        string name = function.RequiredText("name");
        if (name.Length is 0 or > 128)
            throw ApiException.Field(function.At("name"), "must have 1 to 128 characters.");
        JsonElement parameters = function.Any("parameters") is { } schema ? schema.Clone() : NoParameters;
        if (parameters.ValueKind != JsonValueKind.Object)
            throw ApiException.Field(function.At("parameters"), "must be a JSON Schema, which is an object.");
        return AIFunctionFactory.CreateDeclaration(name, function.Text("description"), parameters);
    }

    private static ChatToolMode Choice(JsonElement choice, string path, bool isFlat)
    {
        if (choice.ValueKind == JsonValueKind.Object)
        {
            var fields = Fields.Of(choice, path);
            Fields function = isFlat ? fields : fields.Object("function") ?? throw fields.Missing("function");
            return ChatToolMode.RequireSpecific(function.RequiredText("name"));
        }

        return Fields.TextOf(choice, path) switch
        {
            "auto" => ChatToolMode.Auto,
            "none" => ChatToolMode.None,
            "required" => ChatToolMode.RequireAny,
            _ => throw ApiException.Field(path, "must be auto, none, required, or an object that names a function."),
        };
    }
}
