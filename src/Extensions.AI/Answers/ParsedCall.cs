using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tessera.Extensions.AI;

/// <summary>A call of a tool as a model wrote it.</summary>
/// <param name="Id">The id that the model gave, or null.</param>
/// <param name="Name">The function.</param>
/// <param name="Arguments">Its arguments; null where they cannot be read.</param>
/// <param name="Failure">Why they cannot be read.</param>
internal sealed partial record ParsedCall(
    string? Id,
    string Name,
    Dictionary<string, object?>? Arguments,
    ToolCallFormatException? Failure = null
)
{
    /// <summary>The calls in a JSON object or array: name with arguments or parameters, also inside <c>function</c>.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="isNamedByKey">Whether a call is an object whose only key is the function.</param>
    /// <returns>The calls; those that are damaged but have a name hold the failure, and without a name there is none.</returns>
    public static IReadOnlyList<ParsedCall> FromJson(string json, bool isNamedByKey = false)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true });
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Array
                    ? [.. root.EnumerateArray().Select(call => isNamedByKey ? FromKey(call) : FromJson(call)).OfType<ParsedCall>()]
                : (isNamedByKey ? FromKey(root) : FromJson(root)) is { } only ? [only]
                : [];
        }
        catch (Exception failure) when (IsDamage(failure))
        {
            return Damaged(json, failure) is { } call ? [call] : [];
        }
    }

    /// <summary>A call whose arguments cannot be read; null if it has no name either.</summary>
    public static ParsedCall? Damaged(string written, Exception? cause) =>
        NamePattern().Match(written) is { Success: true } name
            ? new ParsedCall(null, name.Groups[1].Value, null, new ToolCallFormatException(written, cause))
            : null;

    /// <summary>A call whose arguments are a JSON object on their own.</summary>
    public static ParsedCall Of(string? id, string name, string arguments)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(arguments, new JsonDocumentOptions { AllowTrailingCommas = true });
            return new ParsedCall(id, name, ArgumentsOf(document.RootElement));
        }
        catch (Exception failure) when (IsDamage(failure))
        {
            return new ParsedCall(id, name, null, new ToolCallFormatException(arguments, failure));
        }
    }

    private static ParsedCall? FromKey(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object || call.GetPropertyCount() != 1)
            return null;
        JsonProperty only = call.EnumerateObject().First();
        return only.Name.Length > 0 ? Of(null, only.Name, only.Value.GetRawText()) : null;
    }

    private static ParsedCall? FromJson(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object)
            return null;
        JsonElement body =
            call.TryGetProperty("function", out JsonElement function) && function.ValueKind == JsonValueKind.Object ? function : call;
        if (
            (!body.TryGetProperty("name", out JsonElement name) && !body.TryGetProperty("tool_name", out name))
            || name.ValueKind != JsonValueKind.String
            || name.GetString() is not { Length: > 0 } text
        )
            return null;
        string? id = call.TryGetProperty("id", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString() : null;
        if (!body.TryGetProperty("arguments", out JsonElement arguments) && !body.TryGetProperty("parameters", out arguments))
            return new ParsedCall(id, text, []);
        try
        {
            // Some models write the arguments as text that holds JSON.
            return arguments.ValueKind == JsonValueKind.String
                ? Of(id, text, arguments.GetString()!)
                : new ParsedCall(id, text, ArgumentsOf(arguments));
        }
        catch (Exception failure) when (IsDamage(failure))
        {
            return new ParsedCall(id, text, null, new ToolCallFormatException(call.GetRawText(), failure));
        }
    }

    private static Dictionary<string, object?> ArgumentsOf(JsonElement arguments)
    {
        if (arguments.ValueKind == JsonValueKind.Null)
            return [];
        if (arguments.ValueKind != JsonValueKind.Object)
            throw new FormatException("Arguments are not an object.");
        var values = new Dictionary<string, object?>();
        foreach (JsonProperty argument in arguments.EnumerateObject())
            values[argument.Name] = argument.Value.ValueKind == JsonValueKind.Null ? null : argument.Value.Clone();
        return values;
    }

    // Text with half a surrogate pair is refused with the latter two.
    private static bool IsDamage(Exception failure) =>
        failure is JsonException or FormatException or InvalidOperationException or ArgumentException;

    [GeneratedRegex("\"(?:tool_)?name\"\\s*:\\s*\"([^\"\\\\]{1,256})\"")]
    private static partial Regex NamePattern();
}
