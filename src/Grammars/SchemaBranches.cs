namespace Tessera.Grammars;

/// <summary>Whether the branches of a <c>oneOf</c> exclude each other, as far as it can be seen: a grammar cannot hold them
/// apart.</summary>
internal static class SchemaBranches
{
    private const int MaxDepth = 4;

    /// <exception cref="SchemaException">Two branches may have a value in common.</exception>
    public static void RequireDistinct(string pointer, IReadOnlyList<SchemaNode> branches, SchemaMerge merge)
    {
        for (int one = 0; one < branches.Count; one++)
        for (int other = one + 1; other < branches.Count; other++)
            if (!AreDistinct(branches[one], branches[other], merge, 0))
                throw new SchemaException(
                    pointer[..pointer.LastIndexOf('/')],
                    "oneOf",
                    $"has branches {one} and {other} that the same value may follow: write anyOf, or give each a required member with a "
                        + "const of its own."
                );
    }

    private static bool AreDistinct(SchemaNode one, SchemaNode other, SchemaMerge merge, int depth)
    {
        if (depth > MaxDepth)
            return false;
        (one, other) = (merge.Resolved(one), merge.Resolved(other));
        JsonKinds common = KindsOf(one) & KindsOf(other);
        if (common == JsonKinds.None)
            return true;
        if (one.Unions.Count > 0)
            return one.Unions[0].Branches.All(branch => AreDistinct(merge.Both(one with { Unions = [] }, branch), other, merge, depth + 1));
        if (other.Unions.Count > 0)
            return AreDistinct(other, one, merge, depth + 1);
        if (one.Values is not null && other.Values is not null)
            return !one.Values.Select(JsonText.Write).Intersect(other.Values.Select(JsonText.Write)).Any();
        if ((common & ~JsonKinds.Number) == 0)
            return IsAbove(one, other) || IsAbove(other, one);
        if (common != JsonKinds.Object || one.Values is not null || other.Values is not null)
            return false;
        if (MissesOf(one, other) && MissesOf(other, one))
            return true;
        return one
            .Required.Intersect(other.Required)
            .Any(name =>
                Member(one, name) is { } first && Member(other, name) is { } second && AreDistinct(first, second, merge, depth + 1)
            );
    }

    private static JsonKinds KindsOf(SchemaNode node) =>
        node.Values is null
            ? node.Kinds
            : node.Kinds & node.Values.Aggregate(JsonKinds.None, static (all, value) => all | SchemaValues.KindOf(value));

    private static bool IsAbove(SchemaNode one, SchemaNode other) =>
        one.Minimum is { } low
        && other.Maximum is { } high
        && low.Value.CompareTo(high.Value) is var order
        && (order > 0 || (order == 0 && (low.IsExclusive || high.IsExclusive)));

    // Whether one requires a member that answers of the other never have.
    private static bool MissesOf(SchemaNode one, SchemaNode other) =>
        (other.Additional is null || other.Additional.Kinds == JsonKinds.None)
        && other.Properties.Count + other.Required.Count > 0
        && one.Required.Any(name => Member(other, name) is null && !other.Required.Contains(name));

    private static SchemaNode? Member(SchemaNode node, string name) => node.Properties.LastOrDefault(member => member.Name == name).Schema;
}
