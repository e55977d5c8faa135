using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>The functions that a model may call, for what their schemas say of arguments that are written without types.</summary>
/// <param name="functions">The functions.</param>
internal sealed class OfferedTools(IReadOnlyList<AIFunctionDeclaration> functions)
{
    // References and unions within unions; a schema may lead in circles.
    private const int MaxDepth = 4;
    private const int MaxBranches = 8;

    /// <summary>No functions.</summary>
    public static OfferedTools None { get; } = new([]);

    /// <summary>The functions.</summary>
    public IReadOnlyList<AIFunctionDeclaration> Functions => functions;

    /// <summary>What an argument may be.</summary>
    /// <param name="function">The function.</param>
    /// <param name="argument">The argument.</param>
    public ArgumentKind KindOf(string function, string argument)
    {
        if (functions.FirstOrDefault(candidate => candidate.Name == function) is not { } called)
            return ArgumentKind.Any;
        JsonProperty[] found = [.. PropertiesOf(called.JsonSchema).Where(property => property.Name == argument).Take(1)];
        return found.Length == 0 ? ArgumentKind.Any : KindOf(found[0].Value, called.JsonSchema);
    }

    /// <summary>The arguments that a schema describes, in its order.</summary>
    public static IEnumerable<JsonProperty> PropertiesOf(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object
        && schema.TryGetProperty("properties", out JsonElement properties)
        && properties.ValueKind == JsonValueKind.Object
            ? properties.EnumerateObject()
            : [];

    /// <summary>What a schema leaves to an argument.</summary>
    /// <param name="schema">The argument's schema.</param>
    /// <param name="whole">The schema that it is a part of.</param>
    public static ArgumentKind KindOf(JsonElement schema, JsonElement whole)
    {
        string[] types = TypesOf(schema, whole, 0);
        if (types.Length == 0)
            return ArgumentKind.Any;
        if (!types.Contains("string"))
            return ArgumentKind.Json;
        return types.All(static type => type is "string") ? ArgumentKind.Text
            : types.All(static type => type is "string" or "null") ? ArgumentKind.TextOrNull
            : ArgumentKind.Any;
    }

    // The types that a schema names, none if any other may be too.
    private static string[] TypesOf(JsonElement schema, JsonElement whole, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
            return [];
        if (schema.TryGetProperty("enum", out JsonElement values) && values.ValueKind == JsonValueKind.Array)
            return [.. values.EnumerateArray().Select(TypeOf).Distinct()];
        if (schema.TryGetProperty("const", out JsonElement value))
            return [TypeOf(value)];
        if (schema.TryGetProperty("type", out JsonElement type))
            return NamesIn(type);
        if (schema.TryGetProperty("$ref", out JsonElement reference))
            return Find(reference, whole) is { } found ? TypesOf(found, whole, depth + 1) : [];
        if (!schema.TryGetProperty("anyOf", out JsonElement branches) && !schema.TryGetProperty("oneOf", out branches))
            return [];
        string[][] types =
            branches.ValueKind == JsonValueKind.Array && branches.GetArrayLength() <= MaxBranches
                ? [.. branches.EnumerateArray().Select(branch => TypesOf(branch, whole, depth + 1))]
                : [];
        return types.Any(static names => names.Length == 0) ? [] : [.. types.SelectMany(static names => names).Distinct()];
    }

    private static string[] NamesIn(JsonElement type) =>
        type.ValueKind switch
        {
            JsonValueKind.String => [type.GetString()!],
            JsonValueKind.Array =>
            [
                .. type.EnumerateArray()
                    .Where(static name => name.ValueKind == JsonValueKind.String)
                    .Select(static name => name.GetString()!),
            ],
            _ => [],
        };

    private static JsonElement? Find(JsonElement reference, JsonElement whole)
    {
        if (reference.ValueKind != JsonValueKind.String || !reference.GetString()!.StartsWith("#/", StringComparison.Ordinal))
            return null;
        JsonElement found = whole;
        foreach (string name in reference.GetString()!.Split('/').Skip(1))
            if (
                found.ValueKind != JsonValueKind.Object
                || !found.TryGetProperty(
                    name.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal),
                    out found
                )
            )
                return null;
        return found;
    }

    private static string TypeOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Null => "null",
            _ => "other",
        };
}

/// <summary>What an argument may be.</summary>
internal enum ArgumentKind
{
    /// <summary>Text or other values.</summary>
    Any,

    /// <summary>Text only.</summary>
    Text,

    /// <summary>Text or null.</summary>
    TextOrNull,

    /// <summary>Anything but text.</summary>
    Json,
}
