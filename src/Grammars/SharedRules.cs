using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Rules that many schemas need: strings, numbers, white space, any value.</summary>
internal sealed class SharedRules(GrammarRules rules)
{
    // A model that has lost its way would open brackets without end.
    private const int AnyValueDepth = 4;
    private const int MaxIndent = 20;
    private readonly Dictionary<(NumberBound?, NumberBound?, int), RuleReference> numbers = [];
    private int ruleCount;

    /// <summary>A rule under a name of its own.</summary>
    public RuleReference Add(string kind, GrammarExpression body) => Named($"{kind}-{++ruleCount}", () => body);

    /// <summary>What may stand after a comma or inside a bracket: nothing, a space, or a new line with its indent.</summary>
    public RuleReference Space() =>
        Named(
            "space",
            static () =>
                Optional(Either(Exactly(" "), Join(Exactly("\n"), Times(new CharacterClass(CharacterSet.OfOne(' ')), 0, MaxIndent))))
        );

    /// <summary>The colon after a member's name.</summary>
    public static GrammarExpression Colon() => Join(Exactly(":"), Optional(Exactly(" ")));

    /// <summary>The comma between members and items.</summary>
    public GrammarExpression Comma() => Join(Exactly(","), Space());

    public RuleReference Character() => Named("character", static () => JsonText.AnyCharacter);

    public RuleReference String() => Named("string", () => Join(Exactly("\""), Times(Character(), 0, null), Exactly("\"")));

    public RuleReference Number(NumberBound? least, NumberBound? most, int scale)
    {
        if (!numbers.TryGetValue((least, most, scale), out RuleReference? rule))
            numbers.Add((least, most, scale), rule = Add(scale == 0 ? "integer" : "number", NumberGrammar.Within(least, most, scale)));
        return rule;
    }

    /// <summary>Any JSON value, in a few levels.</summary>
    public RuleReference AnyValue(int depth = AnyValueDepth) =>
        Named(
            $"any-value-{depth}",
            () =>
            {
                var options = new List<GrammarExpression>
                {
                    String(),
                    Number(null, null, NumberGrammar.DigitCount),
                    Exactly("true"),
                    Exactly("false"),
                    Exactly("null"),
                };
                if (depth > 0)
                    options.AddRange([AnyObject(depth), AnyArray(depth)]);
                return Either(options);
            }
        );

    private GrammarExpression AnyObject(int depth) => List("{", Join(String(), Colon(), AnyValue(depth - 1)), "}");

    private GrammarExpression AnyArray(int depth) => List("[", AnyValue(depth - 1), "]");

    private GrammarExpression List(string start, GrammarExpression item, string end) =>
        Either(Exactly(start + end), Join(Exactly(start), Space(), item, Times(Join(Comma(), item), 0, null), Space(), Exactly(end)));

    private RuleReference Named(string name, Func<GrammarExpression> body)
    {
        if (rules.All.ContainsKey(name))
            return new RuleReference(name);
        rules[name] = Empty;
        rules[name] = body();
        return new RuleReference(name);
    }
}
