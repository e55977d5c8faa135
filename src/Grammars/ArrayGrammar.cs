using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Arrays: the items of fixed places, all of them where there is room, then further ones where the schema speaks of them or wants
/// them.</summary>
/// <param name="shared">Rules that others use too.</param>
/// <param name="compile">Makes the expression of an item.</param>
internal sealed class ArrayGrammar(SharedRules shared, Func<SchemaNode, GrammarExpression> compile)
{
    /// <exception cref="SchemaException">The limits contradict each other.</exception>
    public GrammarExpression Of(SchemaNode node)
    {
        if (node.MinItems > node.MaxItems)
            throw new SchemaException(node.Pointer, "minItems", $"is {node.MinItems}, which is more than the maxItems of {node.MaxItems}.");
        SchemaNode[] prefix = [.. (node.Prefix ?? []).Take(node.MaxItems ?? int.MaxValue)];
        int least = Math.Max(0, node.MinItems - prefix.Length);
        int? most = node.Items is null && node.Prefix is not null ? least : node.MaxItems - prefix.Length;
        if (node.Items?.Kinds == JsonKinds.None)
            most =
                least == 0
                    ? 0
                    : throw new SchemaException(node.Pointer, "minItems", $"is {node.MinItems}, but further items are forbidden.");
        if (prefix.Length == 0 && most == 0)
            return Exactly("[]");

        var parts = new List<GrammarExpression> { Exactly("["), shared.Space() };
        foreach (SchemaNode item in prefix)
        {
            if (parts.Count > 2)
                parts.Add(shared.Comma());
            parts.Add(compile(item));
        }

        if (most != 0)
            parts.AddRange(
                Further(shared.Add("item", compile(node.Items ?? new SchemaNode(node.Pointer))), least, most, isFirst: prefix.Length == 0)
            );
        parts.AddRange([shared.Space(), Exactly("]")]);
        return prefix.Length == 0 && least == 0 ? Either(Exactly("[]"), Join(parts)) : Join(parts);
    }

    private IEnumerable<GrammarExpression> Further(RuleReference item, int least, int? most, bool isFirst)
    {
        GrammarExpression next = Join(shared.Comma(), item);
        return isFirst ? [item, Times(next, Math.Max(0, least - 1), most - 1)] : [Times(next, least, most)];
    }
}
