namespace Tessera.Grammars;

/// <summary>Named rules that refer to each other, made fit for llama.cpp: without what can never end, and bounded.</summary>
internal sealed class GrammarRules
{
    /// <summary>The rule that an answer follows.</summary>
    public const string Root = "root";

    private const int MaxPassCount = 200;
    private readonly Dictionary<string, GrammarExpression> rules = [];

    public IReadOnlyDictionary<string, GrammarExpression> All => rules;

    public GrammarExpression this[string name]
    {
        get => rules[name];
        set => rules[name] = value;
    }

    /// <summary>Removes what no finite text can follow, and rules that nothing needs. False if nothing is left of the root.</summary>
    /// <exception cref="GrammarFault">The rules are too interwoven.</exception>
    public bool Prune()
    {
        HashSet<string> ending = Settle(static (body, known) => CanEnd(body, known));
        if (!ending.Contains(Root))
            return false;
        foreach (string name in rules.Keys.Where(ending.Contains).ToArray())
            rules[name] = Pruned(rules[name], ending);
        HashSet<string> needed = Needed();
        foreach (string name in rules.Keys.Where(name => !needed.Contains(name)).ToArray())
            rules.Remove(name);
        return true;
    }

    /// <summary>The rules for which something holds that depends on its holding for others: the least such set.</summary>
    /// <exception cref="GrammarFault">The rules are too interwoven.</exception>
    public HashSet<string> Settle(Func<GrammarExpression, HashSet<string>, bool> holds)
    {
        var known = new HashSet<string>();
        string[] names = [.. rules.Keys];
        for (int pass = 0; pass < MaxPassCount; pass++)
        {
            int before = known.Count;
            // Chains of rules run either way, so every pass turns round.
            names.AsSpan().Reverse();
            foreach (string name in names)
                if (!known.Contains(name) && holds(rules[name], known))
                    known.Add(name);
            if (known.Count == before)
                return known;
        }

        throw new GrammarFault("its rules are too interwoven.");
    }

    /// <summary>Whether some finite text follows the expression.</summary>
    public static bool CanEnd(GrammarExpression expression, HashSet<string> ending) =>
        expression switch
        {
            RuleReference reference => ending.Contains(reference.Name),
            Sequence sequence => sequence.Parts.All(part => CanEnd(part, ending)),
            Choice choice => choice.Options.Any(option => CanEnd(option, ending)),
            Repeat repeat => repeat.Least == 0 || CanEnd(repeat.Item, ending),
            CharacterClass set => !set.Characters.IsEmpty,
            _ => true,
        };

    private static GrammarExpression Pruned(GrammarExpression expression, HashSet<string> ending) =>
        expression switch
        {
            Sequence sequence => GrammarExpression.Join(sequence.Parts.Select(part => Pruned(part, ending))),
            Choice choice => GrammarExpression.Either(
                choice.Options.Where(option => CanEnd(option, ending)).Select(option => Pruned(option, ending))
            ),
            Repeat repeat => CanEnd(repeat.Item, ending) ? repeat with { Item = Pruned(repeat.Item, ending) } : GrammarExpression.Empty,
            _ => expression,
        };

    private HashSet<string> Needed()
    {
        var needed = new HashSet<string> { Root };
        var open = new Stack<GrammarExpression>([rules[Root]]);
        while (open.TryPop(out GrammarExpression? expression))
        {
            if (expression is RuleReference reference && needed.Add(reference.Name))
                open.Push(rules[reference.Name]);
            foreach (GrammarExpression part in PartsOf(expression))
                open.Push(part);
        }

        return needed;
    }

    /// <summary>The expressions directly in an expression.</summary>
    public static IEnumerable<GrammarExpression> PartsOf(GrammarExpression expression) =>
        expression switch
        {
            Sequence sequence => sequence.Parts,
            Choice choice => choice.Options,
            Repeat repeat => [repeat.Item],
            _ => [],
        };
}

/// <summary>What is wrong with rules as a whole; who knows their source turns it into an exception that names it.</summary>
#pragma warning disable CA1032 // it never leaves this folder
internal sealed class GrammarFault(string problem) : Exception(problem)
#pragma warning restore CA1032
{
    /// <summary>The rule at fault, where there is one.</summary>
    public string? Rule { get; init; }
}
