namespace Tessera.Grammars;

/// <summary>
/// Refuses rules on which llama.cpp (v0.5.0, src/llama-grammar.cpp) would hang, overflow its stack or take more memory than there is:
/// left recursion through rules that may be empty, rules that begin with each other in too many ways, repetitions that grow too large or
/// that a text fits in too many ways.
/// </summary>
internal sealed class GrammarCheck
{
    private readonly GrammarRules rules;
    private readonly HashSet<string> maybeEmpty;
    private readonly Dictionary<string, (long Count, int Depth)> beginnings = [];
    private readonly HashSet<string> open = [];

    private GrammarCheck(GrammarRules rules)
    {
        this.rules = rules;
        maybeEmpty = rules.Settle(static (body, known) => MaybeEmpty(body, known));
    }

    /// <exception cref="GrammarFault">The rules cannot be used.</exception>
    public static void Require(GrammarRules rules)
    {
        var check = new GrammarCheck(rules);
        long size = 0,
            beginnings = 0;
        foreach ((string name, GrammarExpression body) in rules.All)
        {
            size += 1 + SizeOf(body);
            beginnings += check.BeginningsOf(name, 0).Count + check.BeginningsInside(body);
            if (size > GrammarLimits.ExpandedSize)
                throw new GrammarFault("it is too large when its repetitions are written out.");
            if (beginnings > GrammarLimits.BeginningCount)
                throw new GrammarFault("its rules begin with each other in too many ways.") { Rule = name };
        }

        RepetitionCheck.Require(rules, check.maybeEmpty);
    }

    /// <summary>Whether an empty text may follow an expression, given the rules of which that is known.</summary>
    public static bool MaybeEmpty(GrammarExpression expression, HashSet<string> known) =>
        expression switch
        {
            Literal literal => literal.Value.Length == 0,
            RuleReference reference => known.Contains(reference.Name),
            Sequence sequence => sequence.Parts.All(part => MaybeEmpty(part, known)),
            Choice choice => choice.Options.Any(option => MaybeEmpty(option, known)),
            Repeat repeat => repeat.Least == 0 || MaybeEmpty(repeat.Item, known),
            _ => false,
        };

    private static long SizeOf(GrammarExpression expression) =>
        expression switch
        {
            Literal literal => literal.Value.Length,
            CharacterClass set => set.Characters.Ranges.Count * 2,
            RuleReference => 1,
            Sequence sequence => sequence.Parts.Sum(SizeOf),
            Choice choice => choice.Options.Sum(static option => SizeOf(option) + 1),
            Repeat repeat => RepeatedSize(repeat),
            _ => 1,
        };

    // What is repeated is one symbol (GrammarText), whose own size counts once unless it is a class.
    private static long RepeatedSize(Repeat repeat)
    {
        long item = repeat.Item is CharacterClass ? SizeOf(repeat.Item) : 1;
        long optional = repeat.Most is int most ? most - repeat.Least : 1;
        return SizeOf(repeat.Item) + repeat.Least * item + optional * (item + 3);
    }

    // What is repeated or chosen from becomes a rule of its own, wherever it stands.
    private long BeginningsInside(GrammarExpression expression) =>
        expression switch
        {
            Sequence sequence => sequence.Parts.Sum(BeginningsInside),
            Choice choice => BeginningsOf(choice, 0).Count + choice.Options.Sum(BeginningsInside),
            Repeat repeat => BeginningsOf(repeat, 0).Count + BeginningsInside(repeat.Item),
            _ => 0,
        };

    private (long Count, int Depth) BeginningsOf(string name, int above)
    {
        if (beginnings.TryGetValue(name, out (long Count, int Depth) known))
            return above + known.Depth > GrammarLimits.BeginningDepth ? throw TooDeep(name) : known;
        if (!open.Add(name))
            throw new GrammarFault("it can begin with itself (left recursion).") { Rule = name };
        if (above > GrammarLimits.BeginningDepth)
            throw TooDeep(name);
        (long count, int depth) = BeginningsOf(rules[name], above);
        open.Remove(name);
        return beginnings[name] = (count + 1, depth + 1);
    }

    private (long Count, int Depth) BeginningsOf(GrammarExpression expression, int above)
    {
        switch (expression)
        {
            case RuleReference reference:
                return BeginningsOf(reference.Name, above + 1);
            case Choice choice:
                return Sum(choice.Options, above);
            case Sequence sequence:
                int length = 0;
                while (length < sequence.Parts.Count && (length == 0 || MaybeEmpty(sequence.Parts[length - 1], maybeEmpty)))
                    length++;
                return Sum(sequence.Parts.Take(length), above);
            case Repeat repeat:
                (long count, int depth) = BeginningsOf(repeat.Item, above + 1);
                if (!MaybeEmpty(repeat.Item, maybeEmpty))
                    return (Bounded(count + 1), depth + 1);
                // Where the item may be empty, the rules of the repetition begin with each other too; without a limit, with themselves.
                int steps = repeat.Most ?? throw new GrammarFault("what may be empty is repeated without a limit.");
                long ways = Bounded((count + 1) * steps);
                if (steps > 1 && ways > GrammarLimits.EmptyWays)
                    throw new GrammarFault("what may be empty is repeated too often.");
                return (ways, depth + steps);
            default:
                return (0, 0);
        }
    }

    private (long Count, int Depth) Sum(IEnumerable<GrammarExpression> parts, int above)
    {
        (long total, int deepest) = (0, 0);
        foreach (GrammarExpression part in parts)
        {
            (long count, int depth) = BeginningsOf(part, above);
            (total, deepest) = (Bounded(total + count), Math.Max(deepest, depth));
        }

        return (total, deepest);
    }

    private static long Bounded(long count) => Math.Min(count, GrammarLimits.BeginningCount + 1L);

    private static GrammarFault TooDeep(string name) => new("its rules begin with each other in too long a row.") { Rule = name };
}
