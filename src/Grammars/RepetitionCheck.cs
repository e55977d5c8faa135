namespace Tessera.Grammars;

/// <summary>
/// Refuses counted repetitions inside each other that one text fits in many ways, such as <c>((a{1,3} b?){1,3} b?){1,3}</c>. llama.cpp
/// (v0.5.0, src/llama-grammar.cpp) follows all ways at once, each with its own counts, and with a few levels a character takes minutes.
/// Where what goes on and what begins anew differ in their first character, as between the items of a list, there is one way.
/// </summary>
internal sealed class RepetitionCheck
{
    private static readonly Tail Closed = new(GrammarCharacters.None, 1, 0, 0);

    // What lies deeper may end in any way.
    private static readonly Tail Unknown = new(CharacterSet.All, 2, 1, 0);
    private const int MostDepth = 400;

    private readonly GrammarRules rules;
    private readonly GrammarCharacters characters;
    private readonly Dictionary<string, Tail> tails = [];
    private readonly HashSet<string> open = [];
    private int depth;

    private RepetitionCheck(GrammarRules rules, HashSet<string> maybeEmpty)
    {
        this.rules = rules;
        characters = new GrammarCharacters(rules, maybeEmpty);
    }

    /// <param name="rules">The rules, none of which begins with itself.</param>
    /// <param name="maybeEmpty">The rules that an empty text may follow.</param>
    /// <exception cref="GrammarFault">Repetitions fit a text in too many ways.</exception>
    public static void Require(GrammarRules rules, HashSet<string> maybeEmpty)
    {
        var check = new RepetitionCheck(rules, maybeEmpty);
        foreach ((string name, GrammarExpression body) in rules.All)
            check.RequireInside(body, name);
    }

    private void RequireInside(GrammarExpression expression, string rule)
    {
        foreach (GrammarExpression part in GrammarRules.PartsOf(expression))
            RequireInside(part, rule);
        if (expression is Repeat { Most: > 1 } repeat && IsAmbiguous(repeat) && Reached(repeat.Item).Contains(rule))
            throw new GrammarFault("it repeats itself within itself, which fits a text in too many ways: put a character between.")
            {
                Rule = rule,
            };
        // The ways of one level are no more than the characters that were read.
        if (expression is Repeat && TailOf(expression).AllWays > GrammarLimits.RepetitionWays)
            throw new GrammarFault("its repetitions inside each other fit a text in too many ways: put a character between.")
            {
                Rule = rule,
            };
    }

    private bool IsAmbiguous(Repeat repeat) =>
        characters.MaybeEmpty(repeat.Item) || CharacterSet.Overlap(TailOf(repeat.Item).GoesOn, characters.Beginnings(repeat.Item));

    // The rules that an expression leads to.
    private HashSet<string> Reached(GrammarExpression expression)
    {
        var reached = new HashSet<string>();
        var waiting = new Stack<GrammarExpression>([expression]);
        while (waiting.TryPop(out GrammarExpression? next))
        {
            if (next is RuleReference { Name: var name })
            {
                if (reached.Add(name))
                    waiting.Push(rules[name]);
                continue;
            }

            foreach (GrammarExpression part in GrammarRules.PartsOf(next))
                waiting.Push(part);
        }

        return reached;
    }

    private Tail TailOf(GrammarExpression expression)
    {
        if (depth > MostDepth)
            return Unknown;
        depth++;
        Tail tail = expression switch
        {
            RuleReference reference => TailOf(reference.Name),
            Sequence sequence => TailOf(sequence),
            Choice choice => TailOf(choice),
            Repeat repeat => TailOf(repeat),
            _ => Closed,
        };
        depth--;
        return tail;
    }

    private Tail TailOf(string name)
    {
        if (tails.TryGetValue(name, out Tail known))
            return known;
        // What leads to itself ends as the other ways on do.
        if (!open.Add(name))
            return Closed;
        Tail tail = TailOf(rules[name]);
        open.Remove(name);
        return tails[name] = tail;
    }

    // What is over is forgotten with its counts, so parts do not multiply.
    private Tail TailOf(Sequence sequence)
    {
        var last = new List<Tail>();
        var goesOn = new List<CharacterSet>();
        for (int index = sequence.Parts.Count - 1; index >= 0; index--)
        {
            GrammarExpression part = sequence.Parts[index];
            last.Add(TailOf(part));
            if (!characters.MaybeEmpty(part))
                break;
            goesOn.Add(characters.Beginnings(part));
        }

        return Any(last, goesOn);
    }

    private Tail TailOf(Choice choice)
    {
        CharacterSet[] first = [.. choice.Options.Select(characters.Beginnings)];
        Tail[] tails = [.. choice.Options.Select(TailOf)];
        // Where two begin alike, one may end where the other goes on.
        return Any(tails, CharacterSet.Overlap(first) ? [characters.All(choice)] : []);
    }

    private Tail TailOf(Repeat repeat)
    {
        Tail item = TailOf(repeat.Item);
        CharacterSet first = characters.Beginnings(repeat.Item);
        bool isAmbiguous = IsAmbiguous(repeat);
        CharacterSet goesOn = repeat.Most == repeat.Least ? item.GoesOn : GrammarCharacters.Union([item.GoesOn, first]);
        // Without a limit nothing is counted, but the item may go on inside or begin anew.
        if (repeat.Most is not int most)
            return item with { GoesOn = goesOn, Endless = item.Endless + (isAmbiguous ? 1 : 0) };
        if (most < 2 || (most == repeat.Least && !isAmbiguous))
            return item with { GoesOn = goesOn };
        return isAmbiguous
            ? item with
            {
                GoesOn = goesOn,
                Ways = Math.Min(int.MaxValue, item.Ways * most),
                Levels = item.Levels + 1,
            }
            : item with
            {
                GoesOn = goesOn,
                Ways = Math.Max(item.Ways, most - repeat.Least + 1),
                Levels = Math.Max(item.Levels, 1),
            };
    }

    private static Tail Any(IReadOnlyCollection<Tail> tails, IEnumerable<CharacterSet> goesOn) =>
        new(
            GrammarCharacters.Union([.. tails.Select(static tail => tail.GoesOn), .. goesOn]),
            tails.Select(static tail => tail.Ways).DefaultIfEmpty(1).Max(),
            tails.Select(static tail => tail.Levels).DefaultIfEmpty(0).Max(),
            tails.Select(static tail => tail.Endless).DefaultIfEmpty(0).Max()
        );

    /// <summary>How an expression may end.</summary>
    /// <param name="GoesOn">The characters with which it may go on where it might also have ended.</param>
    /// <param name="Ways">The most counts of repetitions in which one text may leave it.</param>
    /// <param name="Levels">Repetitions inside each other that count.</param>
    /// <param name="Endless">Repetitions without a limit inside each other, of which a character may go on with any.</param>
    private readonly record struct Tail(CharacterSet GoesOn, long Ways, int Levels, int Endless)
    {
        /// <summary>The ways that multiply: llama.cpp tells apart where a repetition stands, and each without a limit, but for the
        /// innermost, doubles them. One level alone has no more than the characters that were read.</summary>
        public long AllWays => Levels > 1 || Endless > 1 ? Ways << Math.Clamp(Endless - 1, 0, 20) : 1;
    }
}
