using System.Globalization;

namespace Tessera.Grammars;

/// <summary>
/// Reads GBNF as llama.cpp does (grammars/README.md there), but for references to tokens, which can leave its sampler without a way on.
/// </summary>
internal sealed partial class GbnfParser
{
    private readonly string source;
    private readonly GrammarRules rules = new();
    private readonly Dictionary<string, int> firstUses = [];
    private int position,
        depth;

    private GbnfParser(string source) => this.source = source;

    /// <summary>Reads, checks and writes a grammar in the form that llama.cpp takes without surprises.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="parts">Grammars in this form that stand for rules which the grammar uses and does not define.</param>
    /// <exception cref="GrammarException">The grammar cannot be used.</exception>
    public static string Normalize(string grammar, IReadOnlyDictionary<string, string>? parts = null)
    {
        if (grammar.Length > GrammarLimits.TextLength)
            throw new GrammarException(0, 0, $"The grammar has {grammar.Length} characters, but {GrammarLimits.TextLength} are the most.");
        var parser = new GbnfParser(grammar);
        Dictionary<string, int> places = parser.ParseRules();
        parser.Include(parts, places);
        parser.RequireAll(places);
        try
        {
            if (!parser.rules.Prune())
                throw new GrammarFault("it can never end.") { Rule = GrammarRules.Root };
            GrammarCheck.Require(parser.rules);
        }
        catch (GrammarFault fault)
        {
            throw fault.Rule is null
                ? new GrammarException(0, 0, $"The grammar cannot be used: {fault.Message}")
                : parser.At(places[fault.Rule], $"The rule {fault.Rule} cannot be used: {fault.Message}");
        }

        return GrammarText.Write(parser.rules.All);
    }

    private Dictionary<string, int> ParseRules()
    {
        var places = new Dictionary<string, int>();
        SkipSpace(lines: true);
        while (position < source.Length)
        {
            int start = position;
            string name = Name();
            if (!places.TryAdd(name, start))
                throw At(start, $"The rule {name} is defined twice.");
            SkipSpace(lines: false);
            if (!source.AsSpan(position).StartsWith("::=", StringComparison.Ordinal))
                throw At(position, $"'::=' must follow the rule's name {name}.");
            position += 3;
            SkipSpace(lines: true);
            rules[name] = Alternatives(nested: false);
            if (position < source.Length && source[position] is not ('\r' or '\n'))
                throw At(position, $"'{Shown()}' cannot stand here.");
            SkipSpace(lines: true);
        }

        return places;
    }

    private GrammarExpression Alternatives(bool nested)
    {
        var options = new List<GrammarExpression> { Parts(nested) };
        while (position < source.Length && source[position] == '|')
        {
            position++;
            SkipSpace(lines: true);
            options.Add(Parts(nested));
        }

        return GrammarExpression.Either(options);
    }

    private Sequence Parts(bool nested)
    {
        var parts = new List<GrammarExpression>();
        while (position < source.Length && Item(nested) is { } item)
        {
            SkipSpace(nested);
            for (int repetitions = 1; position < source.Length && source[position] is '*' or '+' or '?' or '{'; repetitions++)
            {
                if (repetitions + depth > GrammarLimits.Depth)
                    throw At(position, $"Brackets and repetitions nest more than {GrammarLimits.Depth} deep.");
                item = Repetition(item, nested);
            }

            parts.Add(item);
        }

        if (position < source.Length && source[position] is '*' or '+' or '?' or '{')
            throw At(position, $"'{source[position]}' has nothing before it to repeat.");
        return new Sequence(parts);
    }

    private GrammarExpression? Item(bool nested)
    {
        char first = source[position];
        switch (first)
        {
            case '"':
                return QuotedText();
            case '[':
                return Class();
            case '(':
                return Group();
            case '.':
                position++;
                return new CharacterClass(CharacterSet.All);
            case '<' or '!':
                throw At(position, "References to tokens are not supported: write the text itself.");
        }

        if (!IsNameCharacter(first))
            return null;
        int start = position;
        string name = Name();
        firstUses.TryAdd(name, start);
        return new RuleReference(name);
    }

    private GrammarExpression Group()
    {
        int start = position++;
        if (++depth > GrammarLimits.Depth)
            throw At(start, $"Brackets nest more than {GrammarLimits.Depth} deep.");
        SkipSpace(lines: true);
        GrammarExpression inside = Alternatives(nested: true);
        if (position >= source.Length || source[position] != ')')
            throw At(
                position < source.Length ? position : start,
                position < source.Length ? $"'{Shown()}' cannot stand in brackets." : "This bracket is never closed."
            );
        position++;
        depth--;
        return inside;
    }

    private Repeat Repetition(GrammarExpression item, bool nested)
    {
        int start = position;
        (int least, int? most) = source[position++] switch
        {
            '*' => (0, (int?)null),
            '+' => (1, null),
            '?' => (0, 1),
            _ => Bounds(start),
        };
        SkipSpace(nested);
        // Emptiness any number of times is emptiness, and would have no end.
        return most < least ? throw At(start, $"The repetition is at least {least} and at most {most}.") : new Repeat(item, least, most);
    }

    private (int Least, int? Most) Bounds(int start)
    {
        SkipSpace(lines: false);
        int least = Count(start);
        SkipSpace(lines: false);
        int? most = least;
        if (position < source.Length && source[position] == ',')
        {
            position++;
            SkipSpace(lines: false);
            most = position < source.Length && char.IsAsciiDigit(source[position]) ? Count(start) : null;
            SkipSpace(lines: false);
        }

        if (position >= source.Length || source[position] != '}')
            throw At(start, "A repetition is written {2}, {2,} or {2,5}.");
        position++;
        return (least, most);
    }

    private int Count(int start)
    {
        int first = position;
        while (position < source.Length && char.IsAsciiDigit(source[position]))
            position++;
        if (position == first)
            throw At(start, "A repetition is written {2}, {2,} or {2,5}.");
        return
            int.TryParse(source.AsSpan(first, position - first), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count <= GrammarLimits.RepeatCount
            ? count
            : throw At(first, $"A repetition is at most {GrammarLimits.RepeatCount} times.");
    }

    private string Name()
    {
        int start = position;
        while (position < source.Length && IsNameCharacter(source[position]))
            position++;
        return position > start ? source[start..position] : throw At(start, $"'{Shown()}' cannot begin a rule: its name must stand here.");
    }

    private void SkipSpace(bool lines)
    {
        while (position < source.Length && (source[position] is ' ' or '\t' or '#' || (lines && source[position] is '\r' or '\n')))
        {
            if (source[position] == '#')
                while (position < source.Length && source[position] is not ('\r' or '\n'))
                    position++;
            else
                position++;
        }
    }

    private static bool IsNameCharacter(char character) => char.IsAsciiLetterOrDigit(character) || character == '-';

    private string Shown() =>
        position < source.Length && !char.IsControl(source[position]) && !char.IsSurrogate(source[position])
            ? source[position].ToString()
            : "This";

    private GrammarException At(int offset, string problem)
    {
        ReadOnlySpan<char> before = source.AsSpan(0, Math.Clamp(offset, 0, source.Length));
        return new GrammarException(before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'), problem);
    }
}
