using System.Text.Json;

namespace Tessera.Grammars;

/// <summary>What a JSON value can be.</summary>
[Flags]
internal enum JsonKinds
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,
    Fraction = 8,
    Number = Integer | Fraction,
    Text = 16,
    Array = 32,
    Object = 64,
    All = Null | Boolean | Number | Text | Array | Object,
}

/// <summary>The keywords of one schema, or of several that hold at once.</summary>
/// <param name="Pointer">Where it stands, for messages.</param>
internal sealed record SchemaNode(string Pointer)
{
    /// <summary>What <c>type</c> allows; all kinds where it says nothing.</summary>
    public JsonKinds Kinds { get; init; } = JsonKinds.All;

    /// <summary>Kinds that keywords speak of, where <c>type</c> is silent.</summary>
    public JsonKinds Implied { get; init; }

    public string? Reference { get; init; }

    /// <summary>The values of <c>enum</c> or <c>const</c>.</summary>
    public IReadOnlyList<JsonElement>? Values { get; init; }

    /// <summary>Alternatives: a value follows one of each list.</summary>
    public IReadOnlyList<SchemaUnion> Unions { get; init; } = [];

    public NumberBound? Minimum { get; init; }

    public NumberBound? Maximum { get; init; }

    /// <summary>The most digits after the point.</summary>
    public int Scale { get; init; } = NumberGrammar.DigitCount;

    public int MinLength { get; init; }

    public int? MaxLength { get; init; }

    public string? Pattern { get; init; }

    public string? Format { get; init; }

    public IReadOnlyList<SchemaNode>? Prefix { get; init; }

    public SchemaNode? Items { get; init; }

    public int MinItems { get; init; }

    public int? MaxItems { get; init; }

    /// <summary>Members in their order.</summary>
    public IReadOnlyList<(string Name, SchemaNode Schema)> Properties { get; init; } = [];

    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>What further members must follow; null where the schema is silent.</summary>
    public SchemaNode? Additional { get; init; }

    public SchemaNode? PropertyNames { get; init; }

    public int MinProperties { get; init; }

    public int? MaxProperties { get; init; }

    /// <summary>The kinds that an answer may have.</summary>
    public JsonKinds Possible => Kinds == JsonKinds.All && Implied != JsonKinds.None ? Implied : Kinds;

    /// <summary>Whether it allows everything.</summary>
    public bool IsPlain =>
        this with { Pointer = "", Unions = Empty.Unions, Properties = Empty.Properties, Required = Empty.Required } == Empty
        && Unions.Count == 0
        && Properties.Count == 0
        && Required.Count == 0;

    private static SchemaNode Empty { get; } = new("");
}

/// <summary>The alternatives of <c>anyOf</c> or <c>oneOf</c>.</summary>
internal sealed record SchemaUnion(string Pointer, IReadOnlyList<SchemaNode> Branches, bool IsExclusive);
