using System.Text.Json;
using Tessera.Shared;

namespace Tessera.Grammars;

/// <summary>Joins schemas that hold at once.</summary>
/// <param name="resolve">Finds what a reference stands for.</param>
/// <param name="count">Told of each schema that is made; throws when there are too many.</param>
internal sealed class SchemaMerge(Func<string, string, SchemaNode> resolve, Action<string> count)
{
    private int depth;

    /// <summary>The schema of the values that follow both.</summary>
    /// <exception cref="SchemaException">The two cannot be joined, or refer to each other for ever.</exception>
    public SchemaNode Both(SchemaNode first, SchemaNode second)
    {
        count(first.Pointer);
        if (first.IsPlain)
            return second;
        if (second.IsPlain)
            return first;
        if (++depth > GrammarLimits.Depth)
            throw new SchemaException(first.Pointer, null, "its parts that hold at once refer to each other for ever, or nest too deep.");
        SchemaNode joined = Join(Resolved(first), Resolved(second));
        depth--;
        return joined;
    }

    /// <summary>The schema with what it refers to in it.</summary>
    public SchemaNode Resolved(SchemaNode node) =>
        node.Reference is null ? node
        : Both(resolve(node.Reference, node.Pointer), node with { Reference = null }) is var found && found.Reference is null ? found
        : Again(found);

    public static NumberBound? Higher(NumberBound? first, NumberBound? second) => Tighter(first, second, 1);

    public static NumberBound? Lower(NumberBound? first, NumberBound? second) => Tighter(first, second, -1);

    private SchemaNode Again(SchemaNode found)
    {
        if (++depth > GrammarLimits.Depth)
            throw new SchemaException(found.Pointer, "$ref", "leads to itself.");
        SchemaNode node = Resolved(found);
        depth--;
        return node;
    }

    private static NumberBound? Tighter(NumberBound? first, NumberBound? second, int sign)
    {
        if (first is not { } one || second is not { } other)
            return first ?? second;
        int order = one.Value.CompareTo(other.Value) * sign;
        return order > 0 || (order == 0 && one.IsExclusive) ? first : second;
    }

    private SchemaNode Join(SchemaNode first, SchemaNode second) =>
        first with
        {
            Kinds = first.Kinds & second.Kinds,
            Implied = first.Implied | second.Implied,
            Values = Common(first.Values, second.Values),
            Unions = [.. first.Unions, .. second.Unions],
            Minimum = Higher(first.Minimum, second.Minimum),
            Maximum = Lower(first.Maximum, second.Maximum),
            Scale = Math.Min(first.Scale, second.Scale),
            MinLength = Math.Max(first.MinLength, second.MinLength),
            MaxLength = Least(first.MaxLength, second.MaxLength),
            Pattern = Same(first, second, "pattern", first.Pattern, second.Pattern),
            Format = Same(first, second, "format", first.Format, second.Format),
            Prefix = Prefixes(first, second),
            Items = Optional(first.Items, second.Items),
            MinItems = Math.Max(first.MinItems, second.MinItems),
            MaxItems = Least(first.MaxItems, second.MaxItems),
            Properties = Members(first, second),
            Required = [.. first.Required.Union(second.Required)],
            Additional = Optional(first.Additional, second.Additional),
            PropertyNames = Optional(first.PropertyNames, second.PropertyNames),
            MinProperties = Math.Max(first.MinProperties, second.MinProperties),
            MaxProperties = Least(first.MaxProperties, second.MaxProperties),
        };

    private static int? Least(int? first, int? second) => first < second || second is null ? first : second;

    private static string? Same(SchemaNode first, SchemaNode second, string keyword, string? one, string? other) =>
        one is null || other is null || one == other
            ? one ?? other
            : throw new SchemaException(
                first.Pointer,
                keyword,
                $"holds at once with another one at {PlainText.Quote(second.Pointer)}, which a grammar cannot say."
            );

    private static IReadOnlyList<JsonElement>? Common(IReadOnlyList<JsonElement>? first, IReadOnlyList<JsonElement>? second)
    {
        if (first is null || second is null)
            return first ?? second;
        HashSet<string> known = [.. second.Select(JsonText.Write)];
        return [.. first.Where(value => known.Contains(JsonText.Write(value)))];
    }

    private SchemaNode? Optional(SchemaNode? first, SchemaNode? second) =>
        first is null || second is null ? first ?? second : Both(first, second);

    // Where one has no schema for a place, its schema of further items holds there.
    private SchemaNode[]? Prefixes(SchemaNode first, SchemaNode second)
    {
        if (first.Prefix is null && second.Prefix is null)
            return null;
        int length = Math.Max(first.Prefix?.Count ?? 0, second.Prefix?.Count ?? 0);
        SchemaNode? At(SchemaNode node, int index) => index < node.Prefix?.Count ? node.Prefix[index] : node.Items;
        return [.. Enumerable.Range(0, length).Select(index => Optional(At(first, index), At(second, index))!)];
    }

    // What only one of them names must follow what the other says of further members.
    private List<(string, SchemaNode)> Members(SchemaNode first, SchemaNode second)
    {
        Dictionary<string, SchemaNode> others = [],
            named = [];
        foreach ((string name, SchemaNode schema) in second.Properties)
            others[name] = schema;
        foreach ((string name, SchemaNode schema) in first.Properties)
            named[name] = schema;
        var members = new List<(string, SchemaNode)>();
        foreach ((string name, SchemaNode schema) in named)
            members.Add((name, Optional(schema, others.GetValueOrDefault(name) ?? second.Additional)!));
        foreach ((string name, SchemaNode schema) in others)
            if (!named.ContainsKey(name))
                members.Add((name, Optional(first.Additional, schema)!));
        return members;
    }
}
