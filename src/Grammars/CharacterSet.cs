using System.Text;

namespace Tessera.Grammars;

/// <summary>A set of Unicode scalar values as sorted ranges that neither touch nor overlap.</summary>
internal sealed class CharacterSet
{
    private const int Last = 0x10FFFF;
    private static readonly (int First, int Last) Surrogates = (0xD800, 0xDFFF);

    private CharacterSet(IReadOnlyList<(int First, int Last)> ranges) => Ranges = ranges;

    public static CharacterSet All { get; } = Of((0, Last));

    public static CharacterSet Digits { get; } = Of(('0', '9'));

    /// <summary>Letters, digits and the underscore, of ASCII.</summary>
    public static CharacterSet Word { get; } = Of(('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_'));

    /// <summary>White space of ASCII.</summary>
    public static CharacterSet AsciiSpace { get; } = Of(('\t', '\r'), (' ', ' '));

    /// <summary>White space and ends of lines as ECMAScript has them.</summary>
    public static CharacterSet Space { get; } =
        Of(
            ('\t', '\r'),
            (' ', ' '),
            (0xA0, 0xA0),
            (0x1680, 0x1680),
            (0x2000, 0x200A),
            (0x2028, 0x2029),
            (0x202F, 0x202F),
            (0x205F, 0x205F),
            (0x3000, 0x3000),
            (0xFEFF, 0xFEFF)
        );

    /// <summary>What ends a line in ECMAScript.</summary>
    public static CharacterSet LineEnds { get; } = Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029));

    /// <summary>What stands in a JSON string as itself; DEL and the noncharacters at the end of the first plane are left out too.</summary>
    public static CharacterSet JsonPlain { get; } = Of((0, 0x1F), ('"', '"'), ('\\', '\\'), (0x7F, 0x9F), (0xFFFE, 0xFFFF)).Complement();

    public IReadOnlyList<(int First, int Last)> Ranges { get; }

    public bool IsEmpty => Ranges.Count == 0;

    public static CharacterSet Of(params IEnumerable<(int First, int Last)> ranges)
    {
        var joined = new List<(int First, int Last)>();
        foreach ((int first, int last) in ranges.OrderBy(static range => range.First))
        {
            if (joined.Count > 0 && first <= joined[^1].Last + 1)
                joined[^1] = (joined[^1].First, Math.Max(joined[^1].Last, last));
            else
                joined.Add((first, last));
        }

        return new CharacterSet(joined);
    }

    public static CharacterSet OfOne(int character) => Of((character, character));

    public bool Contains(int character) => Ranges.Any(range => range.First <= character && character <= range.Last);

    public CharacterSet Union(CharacterSet other) => Of(Ranges.Concat(other.Ranges));

    /// <summary>All other scalar values.</summary>
    public CharacterSet Complement()
    {
        var gaps = new List<(int First, int Last)>();
        int next = 0;
        foreach ((int first, int last) in Of(Ranges.Append(Surrogates)).Ranges)
        {
            if (next < first)
                gaps.Add((next, first - 1));
            next = last + 1;
        }

        if (next <= Last)
            gaps.Add((next, Last));
        return new CharacterSet(gaps);
    }

    public CharacterSet Except(CharacterSet other) => Complement().Union(other).Complement();

    public CharacterSet Intersect(CharacterSet other) => Complement().Union(other.Complement()).Complement();

    /// <summary>Whether any two of several sets have a character in common.</summary>
    public static bool Overlap(params IEnumerable<CharacterSet> sets)
    {
        int last = -1;
        foreach ((int first, int end) in sets.SelectMany(static set => set.Ranges).OrderBy(static range => range.First))
        {
            if (first <= last)
                return true;
            last = end;
        }

        return false;
    }

    public override string ToString()
    {
        var text = new StringBuilder("[");
        foreach ((int first, int last) in Ranges)
        {
            text.Append(GrammarText.Escape(first));
            if (last > first)
                text.Append('-').Append(GrammarText.Escape(last));
        }

        return text.Append(']').ToString();
    }
}
