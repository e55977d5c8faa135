using System.Globalization;

namespace Tessera.Text.Llama;

/// <summary>Gives the number that a model's file has under a key for one layer, or null where it says nothing.</summary>
internal delegate long? ArchitectureLookup(string key, int layer);

/// <summary>
/// A rule of the table: integer arithmetic, comparisons, <c>and</c> and <c>or</c> over the keys of a model's file. What is not known, or
/// cannot be computed, breaks no rule.
/// </summary>
internal sealed class ArchitectureRule
{
    private static readonly string[][] Levels =
    [
        ["or"],
        ["and"],
        ["==", "!=", "<=", ">=", "<", ">"],
        ["+", "-"],
        ["*", "/", "%"],
    ];
    private readonly Node root;

    private ArchitectureRule(string text, Node root, IReadOnlyList<string> keys)
    {
        Text = text;
        this.root = root;
        Keys = keys;
    }

    private delegate long? Node(ArchitectureLookup lookup, int layer);

    /// <summary>The rule as the table has it.</summary>
    public string Text { get; }

    /// <summary>The keys that it reads.</summary>
    public IReadOnlyList<string> Keys { get; }

    /// <exception cref="FormatException">It is no rule.</exception>
    public static ArchitectureRule Parse(string text)
    {
        var tokens = new Queue<string>(text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        var keys = new List<string>();
        Node root = ParseLevel(0, tokens, keys);
        return tokens.Count == 0
            ? new ArchitectureRule(text, root, [.. keys.Distinct()])
            : throw new FormatException($"'{text}' goes on with '{tokens.Peek()}'.");
    }

    /// <summary>What it comes to; null where that is not known.</summary>
    public long? Evaluate(ArchitectureLookup lookup, int layer) => root(lookup, layer);

    private static Node ParseLevel(int level, Queue<string> tokens, List<string> keys)
    {
        if (level == Levels.Length)
            return ParseOperand(tokens, keys);
        Node left = ParseLevel(level + 1, tokens, keys);
        while (tokens.TryPeek(out string? name) && Levels[level].Contains(name))
        {
            tokens.Dequeue();
            Node first = left,
                second = ParseLevel(level + 1, tokens, keys);
            left = (lookup, layer) => Compute(name, first(lookup, layer), second(lookup, layer));
        }

        return left;
    }

    private static Node ParseOperand(Queue<string> tokens, List<string> keys)
    {
        string token = tokens.TryDequeue(out string? next) ? next : throw new FormatException("A rule ends too early.");
        if (token == "(")
        {
            Node inner = ParseLevel(0, tokens, keys);
            return tokens.TryDequeue(out string? end) && end == ")" ? inner : throw new FormatException("A rule lacks a ')'.");
        }

        if (long.TryParse(token, CultureInfo.InvariantCulture, out long number))
            return (_, _) => number;
        if (!char.IsAsciiLetter(token[0]))
            throw new FormatException($"'{token}' is no key.");
        keys.Add(token);
        return (lookup, layer) => lookup(token, layer);
    }

    // One side may decide alone what is true of both.
    private static long? Compute(string name, long? left, long? right) =>
        (name, left, right) switch
        {
            ("or", not null and not 0, _) or ("or", _, not null and not 0) => 1,
            ("and", 0, _) or ("and", _, 0) => 0,
            (_, null, _) or (_, _, null) => null,
            ("or", _, _) => 0,
            ("and", _, _) => 1,
            ("==", _, _) => Truth(left == right),
            ("!=", _, _) => Truth(left != right),
            ("<=", _, _) => Truth(left <= right),
            (">=", _, _) => Truth(left >= right),
            ("<", _, _) => Truth(left < right),
            (">", _, _) => Truth(left > right),
            ("/" or "%", _, 0) or ("/" or "%", long.MinValue, -1) => null,
            ("/", _, _) => left / right,
            ("%", _, _) => left % right,
            ("+", _, _) => left + right,
            ("-", _, _) => left - right,
            _ => Math.BigMul(left.Value, right.Value) is var product && product >= long.MinValue && product <= long.MaxValue
                ? (long)product
                : null,
        };

    private static long Truth(bool value) => value ? 1 : 0;
}
