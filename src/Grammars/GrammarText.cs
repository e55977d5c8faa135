using System.Globalization;
using System.Text;

namespace Tessera.Grammars;

/// <summary>
/// Writes rules as GBNF for llama.cpp (both editions, src/llama-grammar.cpp), whose parser expands every repetition and gives up, or
/// forgets the limit, above 2000. So what is repeated is always one symbol, and longer repetitions are written in blocks.
/// </summary>
internal sealed class GrammarText
{
    private const int BlockLength = 1000;
    private readonly StringBuilder text = new();
    private readonly Queue<(string Name, GrammarExpression Body)> pending = new();
    private readonly Dictionary<GrammarExpression, string> named = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> taken;
    private int nameCount;

    private GrammarText(IEnumerable<string> names) => taken = [.. names];

    /// <summary>The rules as text, the root first.</summary>
    public static string Write(IReadOnlyDictionary<string, GrammarExpression> rules)
    {
        var writer = new GrammarText(rules.Keys);
        foreach ((string name, GrammarExpression body) in rules.OrderByDescending(static rule => rule.Key == GrammarRules.Root))
        {
            writer.pending.Enqueue((name, body));
            writer.WritePending();
        }

        return writer.text.ToString();
    }

    /// <summary>A character as it is written in a literal or a class.</summary>
    public static string Escape(int character) =>
        character switch
        {
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '"' or '\\' or '[' or ']' => $"\\{(char)character}",
            // As a class reads them they would be signs, and the older edition knows no escapes for them.
            '^' or '-' => $"\\x{character.ToString("X2", CultureInfo.InvariantCulture)}",
            >= ' ' and < 0x7F => ((char)character).ToString(),
            < 0x100 => $"\\x{character.ToString("X2", CultureInfo.InvariantCulture)}",
            < 0x10000 => $"\\u{character.ToString("X4", CultureInfo.InvariantCulture)}",
            _ => $"\\U{character.ToString("X8", CultureInfo.InvariantCulture)}",
        };

    private void WritePending()
    {
        while (pending.TryDequeue(out (string Name, GrammarExpression Body) rule))
        {
            // First the body, which may write rules of its own.
            string body = Options(rule.Body, isTop: true);
            text.Append(rule.Name).Append(" ::= ").Append(body).Append('\n');
        }
    }

    private string Options(GrammarExpression expression, bool isTop) =>
        expression switch
        {
            Choice choice when isTop => string.Join(" | ", choice.Options.Select(option => Options(option, isTop: false))),
            Choice => Symbol(expression),
            Literal literal => $"\"{string.Concat(literal.Value.EnumerateRunes().Select(static rune => Escape(rune.Value)))}\"",
            CharacterClass set => set.Characters.ToString(),
            RuleReference reference => reference.Name,
            Repeat repeat => Repetition(repeat),
            Sequence sequence => sequence.Parts.Count == 0
                ? "\"\""
                : string.Join(' ', sequence.Parts.Select(part => Options(part, isTop: false))),
            _ => throw new InvalidOperationException($"{expression.GetType().Name} is no part of a grammar."),
        };

    // A sequence inside a sequence needs no rule of its own; a choice or what is repeated does.
    private string Symbol(GrammarExpression expression)
    {
        if (expression is RuleReference or CharacterClass || expression is Literal { Value.Length: 1 })
            return Options(expression, isTop: false);
        if (!named.TryGetValue(expression, out string? name))
        {
            named.Add(expression, name = NewName());
            pending.Enqueue((name, expression));
        }

        return name;
    }

    private string Repetition(Repeat repeat)
    {
        string item = Symbol(repeat.Item);
        (int least, int? most) = (repeat.Least, repeat.Most);
        string start = "";
        for (; least > BlockLength; least -= BlockLength, most -= BlockLength)
            start += $"{item}{{{BlockLength}}} ";
        if (most is null)
            return start
                + (
                    least == 0 ? $"{item}*"
                    : least == 1 ? $"{item}+"
                    : $"{item}{{{least},}}"
                );
        if (most <= BlockLength)
            return start
                + (
                    least == 0 && most == 1 ? $"{item}?"
                    : least == most ? $"{item}{{{least}}}"
                    : $"{item}{{{least},{most}}}"
                );
        string required = least > 0 ? $"{item}{{{least}}} " : "";
        return start + required + UpTo(item, most.Value - least);
    }

    // Either fewer than a block, or a block and up to the rest: at most two readings are open at any time.
    private string UpTo(string item, int most)
    {
        if (most <= BlockLength)
            return $"{item}{{0,{most}}}";
        string name = NewName();
        string rest = UpTo(item, most - BlockLength);
        text.Append(name).Append(" ::= ").Append($"{item}{{0,{BlockLength - 1}}} | {item}{{{BlockLength}}} {rest}\n");
        return name;
    }

    private string NewName()
    {
        string name;
        do name = $"part-{++nameCount}";
        while (!taken.Add(name));
        return name;
    }
}
