using BenchmarkDotNet.Attributes;
using Tessera.Grammars;

namespace Tessera.Benchmarks;

/// <summary>JSON Schema to grammar.</summary>
public class SchemaConversion
{
    private const string Position = """
        { "type": "object", "required": ["name", "quantity", "price"], "additionalProperties": false, "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 80 }, "quantity": { "type": "integer", "minimum": 1, "maximum": 9999 },
            "price": { "type": "number", "minimum": 0 }, "unit": { "enum": ["piece", "kilogram", "litre", null] } } }
        """;

    private string schema = "";

    /// <summary>Properties of the root object, each an array of objects.</summary>
    [Params(1, 100)]
    public int PropertyCount { get; set; }

    [GlobalSetup]
    public void Write()
    {
        IEnumerable<string> properties = Enumerable
            .Range(0, PropertyCount)
            .Select(static index =>
                $$"""
                    "positions{{index}}": { "type": "array", "maxItems": 20, "items": { "$ref": "#/$defs/position" } },
                    "date{{index}}": { "type": "string", "format": "date" }
                    """
            );
        schema = $$"""{ "$defs": { "position": {{Position}} }, "type": "object", "properties": { {{string.Join(",", properties)}} } }""";
    }

    [Benchmark]
    public string Convert() => Gbnf.FromSchema(schema);
}
