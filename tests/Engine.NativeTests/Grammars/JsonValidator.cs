using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tessera.Engine.NativeTests.Grammars;

/// <summary>A plain JSON Schema validator, keyword by keyword, with no code of the engine's.</summary>
internal sealed class JsonValidator(JsonElement root)
{
    public bool Holds(JsonElement value) => Holds(root, value);

    private bool Holds(JsonElement schema, JsonElement value)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return schema.ValueKind == JsonValueKind.True;
        return schema.EnumerateObject().All(keyword => Holds(schema, keyword.Name, keyword.Value, value));
    }

    private bool Holds(JsonElement schema, string keyword, JsonElement limit, JsonElement value)
    {
        switch (keyword)
        {
            case "$ref":
                return Holds(Resolve(limit.GetString()!), value);
            case "type":
                return limit.ValueKind == JsonValueKind.Array
                    ? limit.EnumerateArray().Any(type => IsOf(type.GetString()!, value))
                    : IsOf(limit.GetString()!, value);
            case "enum":
                return limit.EnumerateArray().Any(allowed => JsonElement.DeepEquals(allowed, value));
            case "const":
                return JsonElement.DeepEquals(limit, value);
            case "anyOf":
                return limit.EnumerateArray().Any(branch => Holds(branch, value));
            case "oneOf":
                return limit.EnumerateArray().Count(branch => Holds(branch, value)) == 1;
            case "allOf":
                return limit.EnumerateArray().All(branch => Holds(branch, value));
        }

        return value.ValueKind switch
        {
            JsonValueKind.Number => NumberHolds(keyword, limit, value.GetDecimal()),
            JsonValueKind.String => TextHolds(keyword, limit, value.GetString()!),
            JsonValueKind.Array => ArrayHolds(schema, keyword, limit, [.. value.EnumerateArray()]),
            JsonValueKind.Object => ObjectHolds(schema, keyword, limit, value),
            _ => true,
        };
    }

    private static bool NumberHolds(string keyword, JsonElement limit, decimal value) =>
        keyword switch
        {
            "minimum" => value >= limit.GetDecimal(),
            "exclusiveMinimum" => value > limit.GetDecimal(),
            "maximum" => value <= limit.GetDecimal(),
            "exclusiveMaximum" => value < limit.GetDecimal(),
            "multipleOf" => value % limit.GetDecimal() == 0,
            _ => true,
        };

    private static bool TextHolds(string keyword, JsonElement limit, string value) =>
        keyword switch
        {
            "minLength" => value.EnumerateRunes().Count() >= limit.GetInt32(),
            "maxLength" => value.EnumerateRunes().Count() <= limit.GetInt32(),
            "pattern" => Regex.IsMatch(value, limit.GetString()!, RegexOptions.ECMAScript),
            "format" => limit.GetString() switch
            {
                "date" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
                "time" => DateTimeOffset.TryParse("2000-06-15T" + value, CultureInfo.InvariantCulture, out _) && value.Length > 8,
                "date-time" => DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, out _) && value[10] == 'T',
                "uuid" => Guid.TryParseExact(value, "D", out _),
                "ipv4" => System.Net.IPAddress.TryParse(value, out System.Net.IPAddress? address) && address.ToString() == value,
                "uri" => Uri.TryCreate(value, UriKind.Absolute, out _),
                "email" => System.Net.Mail.MailAddress.TryCreate(value, out _),
                _ => false,
            },
            _ => true,
        };

    private bool ArrayHolds(JsonElement schema, string keyword, JsonElement limit, JsonElement[] items)
    {
        int prefix = schema.TryGetProperty("prefixItems", out JsonElement places) ? places.GetArrayLength() : 0;
        return keyword switch
        {
            "minItems" => items.Length >= limit.GetInt32(),
            "maxItems" => items.Length <= limit.GetInt32(),
            "prefixItems" => items.Zip(limit.EnumerateArray()).All(pair => Holds(pair.Second, pair.First)),
            "items" => items.Skip(prefix).All(item => Holds(limit, item)),
            _ => true,
        };
    }

    private bool ObjectHolds(JsonElement schema, string keyword, JsonElement limit, JsonElement value) =>
        keyword switch
        {
            "required" => limit.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)),
            "properties" => limit
                .EnumerateObject()
                .All(member => !value.TryGetProperty(member.Name, out JsonElement inside) || Holds(member.Value, inside)),
            "additionalProperties" => value
                .EnumerateObject()
                .All(member =>
                    (schema.TryGetProperty("properties", out JsonElement named) && named.TryGetProperty(member.Name, out _))
                    || Holds(limit, member.Value)
                ),
            "minProperties" => value.EnumerateObject().Count() >= limit.GetInt32(),
            "maxProperties" => value.EnumerateObject().Count() <= limit.GetInt32(),
            _ => true,
        };

    private static bool IsOf(string type, JsonElement value) =>
        type switch
        {
            "null" => value.ValueKind == JsonValueKind.Null,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "number" => value.ValueKind == JsonValueKind.Number,
            "integer" => value.ValueKind == JsonValueKind.Number && decimal.IsInteger(value.GetDecimal()),
            "string" => value.ValueKind == JsonValueKind.String,
            "array" => value.ValueKind == JsonValueKind.Array,
            _ => value.ValueKind == JsonValueKind.Object,
        };

    private JsonElement Resolve(string reference) =>
        reference.Split('/').Skip(1).Aggregate(root, static (element, name) => element.GetProperty(name));
}
