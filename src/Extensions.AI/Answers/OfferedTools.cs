using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>The functions that a model may call, for what their schemas say of arguments that are written without types.</summary>
/// <param name="functions">The functions.</param>
internal sealed class OfferedTools(IReadOnlyList<AIFunctionDeclaration> functions)
{
    /// <summary>No functions.</summary>
    public static OfferedTools None { get; } = new([]);

    /// <summary>The functions.</summary>
    public IReadOnlyList<AIFunctionDeclaration> Functions => functions;

    /// <summary>Whether an argument can only be text, or null beside it.</summary>
    /// <param name="function">The function.</param>
    /// <param name="argument">The argument.</param>
    public ArgumentKind KindOf(string function, string argument)
    {
        foreach (AIFunctionDeclaration candidate in functions)
            if (candidate.Name == function && PropertiesOf(candidate.JsonSchema).FirstOrDefault(property => property.Name == argument) is { Value.ValueKind: not JsonValueKind.Undefined } property) return KindOf(property.Value);
        return ArgumentKind.Any;
    }

    /// <summary>The arguments that a schema describes, in its order.</summary>
    public static IEnumerable<JsonProperty> PropertiesOf(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out JsonElement properties) && properties.ValueKind == JsonValueKind.Object ? properties.EnumerateObject() : [];

    /// <summary>What a schema leaves to an argument.</summary>
    public static ArgumentKind KindOf(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object) return ArgumentKind.Any;
        string[] types = TypesOf(schema);
        if (types.Length == 0) return ArgumentKind.Any;
        if (!types.Contains("string")) return ArgumentKind.Json;
        return types.All(static type => type is "string") ? ArgumentKind.Text : types.All(static type => type is "string" or "null") ? ArgumentKind.TextOrNull : ArgumentKind.Any;
    }

    private static string[] TypesOf(JsonElement schema)
    {
        if (schema.TryGetProperty("enum", out JsonElement values) && values.ValueKind == JsonValueKind.Array) return [.. values.EnumerateArray().Select(TypeOf).Distinct()];
        if (schema.TryGetProperty("const", out JsonElement value)) return [TypeOf(value)];
        if (!schema.TryGetProperty("type", out JsonElement type)) return [];
        return type.ValueKind switch
        {
            JsonValueKind.String => [type.GetString()!],
            JsonValueKind.Array => [.. type.EnumerateArray().Where(static name => name.ValueKind == JsonValueKind.String).Select(static name => name.GetString()!)],
            _ => [],
        };
    }

    private static string TypeOf(JsonElement value) => value.ValueKind switch { JsonValueKind.String => "string", JsonValueKind.Null => "null", _ => "other" };
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
