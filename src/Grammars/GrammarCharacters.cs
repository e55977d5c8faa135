namespace Tessera.Grammars;

/// <summary>The characters that an expression begins with, and that it has at all; rather too many than too few.</summary>
/// <param name="rules">The rules.</param>
/// <param name="maybeEmpty">The rules that an empty text may follow.</param>
internal sealed class GrammarCharacters(GrammarRules rules, HashSet<string> maybeEmpty)
{
    // Sets of more ranges, and what lies deeper, count as all characters.
    private const int MostRanges = 256,
        MostDepth = 400;

    private readonly Dictionary<string, CharacterSet> beginnings = [],
        all = [];
    private readonly HashSet<string> openBeginnings = [],
        openAll = [];
    private int depth;

    public static CharacterSet None { get; } = CharacterSet.Of();

    public static CharacterSet Union(IEnumerable<CharacterSet> sets)
    {
        var union = CharacterSet.Of(sets.SelectMany(static set => set.Ranges));
        return union.Ranges.Count > MostRanges ? CharacterSet.All : union;
    }

    /// <summary>Whether an empty text may follow it.</summary>
    public bool MaybeEmpty(GrammarExpression expression) => GrammarCheck.MaybeEmpty(expression, maybeEmpty);

    /// <summary>What a text that follows it may begin with.</summary>
    public CharacterSet Beginnings(GrammarExpression expression) =>
        Bounded(() =>
            expression switch
            {
                Literal { Value.Length: > 0 } literal => CharacterSet.OfOne(literal.Value.EnumerateRunes().First().Value),
                CharacterClass set => set.Characters,
                RuleReference reference => Settled(beginnings, openBeginnings, reference.Name, Beginnings),
                Choice choice => Union(choice.Options.Select(Beginnings)),
                Repeat repeat => Beginnings(repeat.Item),
                Sequence sequence => Union(First(sequence).Select(Beginnings)),
                _ => None,
            }
        );

    /// <summary>What a text that follows it may hold.</summary>
    public CharacterSet All(GrammarExpression expression) =>
        Bounded(() =>
            expression switch
            {
                Literal literal => CharacterSet.Of(literal.Value.EnumerateRunes().Select(static rune => (rune.Value, rune.Value))),
                CharacterClass set => set.Characters,
                RuleReference reference => Settled(all, openAll, reference.Name, All),
                _ => Union(GrammarRules.PartsOf(expression).Select(All)),
            }
        );

    private IEnumerable<GrammarExpression> First(Sequence sequence)
    {
        foreach (GrammarExpression part in sequence.Parts)
        {
            yield return part;
            if (!MaybeEmpty(part))
                yield break;
        }
    }

    private CharacterSet Bounded(Func<CharacterSet> find)
    {
        if (depth > MostDepth)
            return CharacterSet.All;
        depth++;
        CharacterSet found = find();
        depth--;
        return found;
    }

    // What leads to itself is left out where it does.
    private CharacterSet Settled(
        Dictionary<string, CharacterSet> known,
        HashSet<string> open,
        string name,
        Func<GrammarExpression, CharacterSet> find
    )
    {
        if (known.TryGetValue(name, out CharacterSet? found))
            return found;
        if (!open.Add(name))
            return None;
        found = find(rules[name]);
        open.Remove(name);
        return known[name] = found;
    }
}
