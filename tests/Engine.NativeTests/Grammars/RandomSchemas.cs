using System.Text.Json.Nodes;

namespace Tessera.Engine.NativeTests.Grammars;

/// <summary>Schemas from a seed: every keyword that is supported, small enough for an answer of some hundred tokens.</summary>
internal sealed class RandomSchemas(int seed)
{
    private static readonly string[] Patterns =
    [
        "^[A-Z]{2,3}-\\d{1,4}$",
        "^(?:yes|no|maybe)$",
        "^[^a-m]{1,5}$",
        "^\\w{1,6}(?:\\.\\w{1,6}){0,2}$",
        "^\"\\s?[\\\\/]$",
    ];
    private static readonly string[] Formats = ["date", "time", "date-time", "uuid", "ipv4", "email", "uri"];
    private readonly Random random = new(seed);

    public JsonNode Next()
    {
        JsonObject schema = Schema(3);
        if (random.Next(4) == 0)
        {
            schema = new JsonObject
            {
                ["$ref"] = "#/$defs/node",
                ["$defs"] = new JsonObject { ["node"] = Recursive() },
            };
        }

        return schema;
    }

    private JsonObject Recursive() =>
        new()
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["value"] = Schema(1),
                ["next"] = new JsonObject
                {
                    ["anyOf"] = new JsonArray(
                        new JsonObject { ["type"] = "null" },
                        new JsonObject { ["$ref"] = "#/$defs/node" },
                        new JsonObject { ["const"] = "end" }
                    ),
                },
            },
            ["required"] = new JsonArray("next"),
        };

    private JsonObject Schema(int depth) =>
        random.Next(depth > 0 ? 12 : 7) switch
        {
            0 => Number("integer"),
            1 => Number("number"),
            2 or 3 => Text(),
            4 => new JsonObject { ["type"] = new JsonArray("boolean", "null") },
            5 => new JsonObject { ["enum"] = new JsonArray(Value(), Value(), Value(), Value()) },
            6 => new JsonObject { ["const"] = Value() },
            7 => Array(depth),
            8 => new JsonObject { ["anyOf"] = new JsonArray(Schema(depth - 1), Schema(depth - 1)) },
            9 => OneOf(depth),
            10 => new JsonObject { ["allOf"] = new JsonArray(Object(depth - 1, "a"), Object(depth - 1, "b")) },
            _ => Object(depth, "m"),
        };

    private JsonObject Number(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        int scale = type == "integer" ? 0 : random.Next(4);
        decimal low = Math.Round((decimal)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(1, 8))), scale),
            high = low + 2 + Math.Round((decimal)(random.NextDouble() * Math.Pow(10, random.Next(0, 7))), scale);
        if (random.Next(3) > 0)
            schema[random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = low;
        if (random.Next(3) > 0)
            schema[random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"] = high;
        if (type == "number" && random.Next(3) == 0)
            schema["multipleOf"] = 0.01m;
        // Else a power of ten may come that the validator's decimals cannot hold.
        if (type == "number" && schema.Count == 1)
            schema["minimum"] = low;
        return schema;
    }

    private JsonObject Text() =>
        random.Next(4) switch
        {
            0 => new JsonObject { ["type"] = "string", ["format"] = Formats[random.Next(Formats.Length)] },
            1 => new JsonObject
            {
                ["type"] = "string",
                ["pattern"] = Patterns[random.Next(Patterns.Length)],
                ["maxLength"] = 20,
            },
            _ => new JsonObject
            {
                ["type"] = "string",
                ["minLength"] = random.Next(4),
                ["maxLength"] = random.Next(4, 16),
            },
        };

    private JsonNode? Value() =>
        random.Next(6) switch
        {
            0 => null,
            1 => random.Next(100),
            2 => random.Next(2) == 0,
            3 => new JsonArray(1, "two"),
            4 => new JsonObject { ["k\"ey"] = "väl\n" },
            _ => $"value {random.Next(50)}",
        };

    private JsonObject Array(int depth)
    {
        int least = random.Next(3);
        var schema = new JsonObject
        {
            ["type"] = "array",
            ["items"] = Schema(depth - 1),
            ["minItems"] = least,
            ["maxItems"] = least + random.Next(3),
        };
        if (random.Next(3) == 0)
            schema["prefixItems"] = new JsonArray(Schema(depth - 1));
        return schema;
    }

    private JsonObject OneOf(int depth)
    {
        JsonObject first = Object(depth - 1, "f"),
            second = Object(depth - 1, "s");
        foreach ((JsonObject branch, string kind) in ((JsonObject, string)[])[(first, "first"), (second, "second")])
        {
            branch["properties"]!["kind"] = new JsonObject { ["const"] = kind };
            branch["required"]!.AsArray().Add("kind");
        }

        return new JsonObject
        {
            ["oneOf"] = new JsonArray(
                first,
                second,
                new JsonObject
                {
                    ["type"] = "integer",
                    ["minimum"] = 0,
                    ["maximum"] = 9,
                }
            ),
        };
    }

    private JsonObject Object(int depth, string prefix)
    {
        JsonObject properties = [];
        var required = new JsonArray();
        for (int index = 0; index <= random.Next(4); index++)
        {
            properties[$"{prefix}{index}"] = Schema(depth - 1);
            if (random.Next(2) == 0)
                required.Add($"{prefix}{index}");
        }

        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = required,
        };
        // Beside another one, as in allOf, false would forbid the other's members.
        if (prefix == "m" && random.Next(3) == 0)
            schema["additionalProperties"] = false;
        if (prefix == "m" && random.Next(6) == 0)
            (schema["additionalProperties"], schema["maxProperties"]) = (new JsonObject { ["type"] = "boolean" }, properties.Count + 2);
        return schema;
    }
}
