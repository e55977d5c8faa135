using System.Text.Json;

namespace Tessera.Grammars;

/// <summary>Reads the keywords of JSON Schema (drafts 7 to 2020-12).</summary>
internal sealed class SchemaReader
{
    // Assertions that a grammar without a memory cannot make, or that are not read.
    private static readonly HashSet<string> Refused =
    [
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "patternProperties",
        "contains",
        "minContains",
        "maxContains",
        "unevaluatedItems",
        "$dynamicRef",
        "$recursiveRef",
        "extends",
        "disallow",
        "divisibleBy",
    ];

    private int count;

    /// <summary>Counts a schema that was made of others.</summary>
    /// <exception cref="SchemaException">There are too many.</exception>
    public void Count(string pointer)
    {
        if (++count > GrammarLimits.SchemaCount)
            throw new SchemaException(
                pointer,
                null,
                $"the schema has more than {GrammarLimits.SchemaCount} parts, when those that hold at once are joined."
            );
    }

    /// <exception cref="SchemaException">A keyword is wrong or cannot be honoured.</exception>
    public SchemaNode Read(JsonElement element, string pointer, SchemaMerge merge)
    {
        Count(pointer);
        if (element.ValueKind == JsonValueKind.True)
            return new SchemaNode(pointer);
        if (element.ValueKind == JsonValueKind.False)
            return new SchemaNode(pointer) { Kinds = JsonKinds.None };
        if (element.ValueKind != JsonValueKind.Object)
            throw new SchemaException(pointer, null, "a schema is an object, true or false.");
        var node = new SchemaNode(pointer);
        foreach (JsonProperty member in element.EnumerateObject())
        {
            var keyword = new SchemaKeyword(pointer, member.Name, member.Value);
            if (Refused.Contains(member.Name))
                throw keyword.Fault("cannot be said by a grammar.");
            node = Structure(node, keyword, merge) ?? Limit(node, keyword) ?? node;
        }

        if (
            element.TryGetProperty("nullable", out JsonElement nullable)
            && nullable.ValueKind == JsonValueKind.True
            && node.Kinds != JsonKinds.All
        )
            node = node with { Kinds = node.Kinds | JsonKinds.Null };
        if (!element.TryGetProperty("allOf", out JsonElement all))
            return node;
        int index = 0;
        foreach (JsonElement part in new SchemaKeyword(pointer, "allOf", all).Elements())
            node = merge.Both(node, Read(part, $"{pointer}/allOf/{index++}", merge));
        return node with { Pointer = pointer };
    }

    private SchemaNode? Structure(SchemaNode node, SchemaKeyword keyword, SchemaMerge merge)
    {
        SchemaNode Child(JsonElement element, params object[] path) =>
            Read(element, $"{node.Pointer}/{string.Join('/', path.Prepend(SchemaKeyword.Escape(keyword.Name)))}", merge);
        SchemaNode[] Children() => [.. keyword.Elements().Select((element, index) => Child(element, index))];
        JsonKinds arrays = node.Implied | JsonKinds.Array,
            objects = node.Implied | JsonKinds.Object;
        switch (keyword.Name)
        {
            case "$ref":
                return node with { Reference = keyword.String() };
            case "anyOf" or "oneOf":
                return node with
                {
                    Unions = [.. node.Unions, new SchemaUnion($"{node.Pointer}/{keyword.Name}", Children(), keyword.Name == "oneOf")],
                };
            case "prefixItems":
                return node with { Prefix = Children(), Implied = arrays };
            case "items" when keyword.Value.ValueKind == JsonValueKind.Array:
                return node with { Prefix = Children(), Implied = arrays };
            case "items" or "additionalItems":
                return node with { Items = Child(keyword.Value), Implied = arrays };
            case "properties":
                return node with
                {
                    Properties =
                    [
                        .. keyword.Members().Select(member => (member.Name, Child(member.Value, SchemaKeyword.Escape(member.Name)))),
                    ],
                    Implied = objects,
                };
            case "additionalProperties":
                return node with { Additional = Child(keyword.Value), Implied = objects };
            case "unevaluatedProperties" when keyword.Value.ValueKind == JsonValueKind.False:
                return node.Additional is null ? node with { Additional = Child(keyword.Value), Implied = objects } : node;
            case "unevaluatedProperties":
                throw keyword.Fault("cannot be said by a grammar, unless it is false.");
            case "propertyNames":
                return node with { PropertyNames = Child(keyword.Value), Implied = objects };
            default:
                return null;
        }
    }

    private static SchemaNode? Limit(SchemaNode node, SchemaKeyword keyword)
    {
        JsonKinds numbers = node.Implied | JsonKinds.Number,
            texts = node.Implied | JsonKinds.Text,
            arrays = node.Implied | JsonKinds.Array,
            objects = node.Implied | JsonKinds.Object;
        switch (keyword.Name)
        {
            case "type":
                return node with { Kinds = keyword.Kinds() };
            case "enum":
                return node with { Values = [.. keyword.Elements()] };
            case "const":
                return node with { Values = [keyword.Value] };
            case "minimum":
                return node with
                {
                    Minimum = SchemaMerge.Higher(node.Minimum, new NumberBound(keyword.Number(), false)),
                    Implied = numbers,
                };
            case "exclusiveMinimum":
                return node with { Minimum = SchemaMerge.Higher(node.Minimum, new NumberBound(keyword.Number(), true)), Implied = numbers };
            case "maximum":
                return node with { Maximum = SchemaMerge.Lower(node.Maximum, new NumberBound(keyword.Number(), false)), Implied = numbers };
            case "exclusiveMaximum":
                return node with { Maximum = SchemaMerge.Lower(node.Maximum, new NumberBound(keyword.Number(), true)), Implied = numbers };
            case "multipleOf":
                return node with { Scale = Math.Min(node.Scale, keyword.PowerOfTen()), Implied = numbers };
            case "minLength":
                return node with { MinLength = keyword.Count(), Implied = texts };
            case "maxLength":
                return node with { MaxLength = keyword.Maximum(), Implied = texts };
            case "pattern":
                return node with { Pattern = keyword.String(), Implied = texts };
            case "format":
                return node with { Format = keyword.String(), Implied = texts };
            case "minItems":
                return node with { MinItems = keyword.Count(), Implied = arrays };
            case "maxItems":
                return node with { MaxItems = keyword.Maximum(), Implied = arrays };
            case "uniqueItems":
                return keyword.Value.ValueKind == JsonValueKind.False
                    ? node
                    : throw keyword.Fault("cannot be said by a grammar, which forgets what it has allowed.");
            case "required":
                return node with { Required = [.. keyword.Elements().Select(keyword.String)], Implied = objects };
            case "minProperties":
                return node with { MinProperties = keyword.Count(), Implied = objects };
            case "maxProperties":
                return node with { MaxProperties = keyword.Maximum(), Implied = objects };
            default:
                return null;
        }
    }
}
