namespace Tessera.Grammars;

/// <summary>A part of a grammar: what text may stand in one place.</summary>
internal abstract record GrammarExpression
{
    /// <summary>The empty text.</summary>
    public static GrammarExpression Empty { get; } = new Literal("");

    /// <summary>No text at all: what contradicts itself.</summary>
    public static GrammarExpression Never { get; } = new Choice([]);

    public static GrammarExpression Exactly(string text) => new Literal(text);

    /// <summary>One after the other.</summary>
    public static GrammarExpression Join(params IEnumerable<GrammarExpression> parts) => new Sequence([.. parts]);

    /// <summary>One of several.</summary>
    public static GrammarExpression Either(params IEnumerable<GrammarExpression> options)
    {
        GrammarExpression[] all = [.. options];
        return all.Length == 1 ? all[0] : new Choice(all);
    }

    /// <summary>The same with other names of rules.</summary>
    public GrammarExpression Rename(Func<string, string> rename) =>
        this switch
        {
            RuleReference reference => new RuleReference(rename(reference.Name)),
            Sequence sequence => Join(sequence.Parts.Select(part => part.Rename(rename))),
            Choice choice => Either(choice.Options.Select(option => option.Rename(rename))),
            Repeat repeat => repeat with { Item = repeat.Item.Rename(rename) },
            _ => this,
        };

    public static GrammarExpression Optional(GrammarExpression item) => new Repeat(item, 0, 1);

    /// <summary>A part so many times; without a most, any number.</summary>
    public static GrammarExpression Times(GrammarExpression item, int least, int? most) =>
        most switch
        {
            0 => Empty,
            1 when least == 1 => item,
            _ => new Repeat(item, least, most),
        };
}

/// <summary>These characters.</summary>
internal sealed record Literal(string Value) : GrammarExpression;

/// <summary>One character of a set.</summary>
internal sealed record CharacterClass(CharacterSet Characters) : GrammarExpression;

/// <summary>Parts one after the other.</summary>
internal sealed record Sequence(IReadOnlyList<GrammarExpression> Parts) : GrammarExpression;

/// <summary>One of several parts; none of none.</summary>
internal sealed record Choice(IReadOnlyList<GrammarExpression> Options) : GrammarExpression;

/// <summary>A part at least and at most so many times; without a most, any number.</summary>
internal sealed record Repeat(GrammarExpression Item, int Least, int? Most) : GrammarExpression;

/// <summary>What the rule of this name allows.</summary>
internal sealed record RuleReference(string Name) : GrammarExpression;
