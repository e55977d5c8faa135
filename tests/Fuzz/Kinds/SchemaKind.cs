using System.Text;
using System.Text.Json.Nodes;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>JSON Schemas: turned into grammars, which an answer then follows.</summary>
internal sealed class SchemaKind : AnswerFormatKind
{
    private static readonly string[] Names =
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "dependentSchemas",
        "items",
        "prefixItems",
        "additionalItems",
        "contains",
        "minContains",
        "maxContains",
        "minItems",
        "maxItems",
        "uniqueItems",
        "unevaluatedItems",
        "unevaluatedProperties",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "$ref",
        "$defs",
        "definitions",
        "$id",
        "$anchor",
        "$dynamicRef",
        "$schema",
        "pattern",
        "format",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "title",
        "description",
        "default",
        "nullable",
        "contentEncoding",
        "a",
        "b",
        "",
        "a/b",
        "~",
        "\u00E9\n",
        "root",
        "next",
    ];

    private static readonly string[] Texts =
    [
        "object",
        "array",
        "string",
        "number",
        "integer",
        "boolean",
        "null",
        "#",
        "#/$defs/a",
        "#/properties/a",
        "#/$defs/~1",
        "#/%24defs/a",
        "other.json",
        "##",
        "date",
        "time",
        "date-time",
        "uuid",
        "ipv4",
        "ipv6",
        "email",
        "uri",
        "hostname",
        "duration",
        "regex",
        "unknown",
        "^a*$",
        "^(a|b)+$",
        "^[^\\d]{2,5}$",
        "(a*)*",
        "(((a{9}){9}){9}){9}",
        "^a{16384}$",
        "[z-a]",
        "(?=a)",
        "\\p{L}+",
        "\\u{1F600}",
        "^(?:[A-Z]{2,3}-\\d{1,4})$",
        "a{1000000}",
        "[\\s\\S]*",
        "(",
        "\uFFFD",
        "(?<n>a)\\k<n>",
        "\\b",
        "^\\w+@\\w+$",
        "(a|aa)+$",
        "(|a)*",
        "[^]",
        "[]",
        "x{2,1}",
        "\\",
        "true",
        "https://json-schema.org/draft/2020-12/schema",
    ];

    private static readonly string[] Sound =
    [
        """
            {"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer","minimum":-5,"maximum":10}},
             "required":["a"],"additionalProperties":{"type":"number"}}
            """,
        """
            {"type":"array","items":{"type":"string","pattern":"^[A-Z]{2,3}-\\d{1,4}$"},"minItems":1,"maxItems":4,
             "prefixItems":[{"type":"null"}]}
            """,
        """
            {"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/a"}]}},
             "required":["next"]}}}
            """,
        """
            {"allOf":[{"type":"object","properties":{"a":{"type":"number","multipleOf":0.01}}},{"required":["a"]},
             {"properties":{"b":{"enum":[1,"x",null,{"c":[]}]}}}]}
            """,
        """
            {"oneOf":[{"type":"string","format":"date-time"},{"type":"number","exclusiveMinimum":0.5,"exclusiveMaximum":1e6},
             {"const":{"k":"v"}}]}
            """,
        """{"type":["string","null"],"minLength":2,"maxLength":60,"title":"t","description":"d"}""",
        """
            {"type":"object","patternProperties":{"^a":{"type":"boolean"}},"propertyNames":{"maxLength":5},"minProperties":1,"maxProperties":3}
            """,
    ];

    private readonly JsonNode[] originals = [.. Sound.Select(static text => JsonNode.Parse(text)!)];
    private readonly JsonMutator mutator = new(Names, Texts);

    public override string Name => "schema";

    public override byte[] Make(Random random) => mutator.Make(random.Pick(originals), random);

    public override Task<bool> TryAsync(byte[] input) => AnswerAsync(AnswerFormat.FromSchema(Encoding.UTF8.GetString(input)));
}
