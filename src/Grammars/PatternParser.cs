using System.Globalization;
using System.Text;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>
/// Reads the part of ECMAScript's regular expressions that a grammar can say, as an expression over characters: no look-around, no
/// references to groups, anchors only where an alternative of the whole begins and ends. Where one is missing, any text may stand.
/// </summary>
internal sealed class PatternParser
{
    private static readonly GrammarExpression AnyText = new Repeat(new CharacterClass(CharacterSet.All), 0, null);
    private readonly string source;
    private int position,
        depth;

    private PatternParser(string source) => this.source = source;

    /// <exception cref="GrammarFault">The pattern is wrong or beyond a grammar.</exception>
    public static GrammarExpression Parse(string pattern)
    {
        var parser = new PatternParser(pattern);
        GrammarExpression whole = parser.Whole();
        return parser.position == pattern.Length ? whole : throw parser.Fault("has a bracket that was never opened");
    }

    private GrammarExpression Whole()
    {
        var options = new List<GrammarExpression>();
        do
        {
            bool fromStart = Take('^');
            List<GrammarExpression> parts = Parts();
            bool toEnd = Take('$');
            if (position < source.Length && source[position] is not ('|' or ')'))
                throw Fault("has an anchor in its middle, which a grammar cannot say");
            if (!fromStart)
                parts.Insert(0, AnyText);
            if (!toEnd)
                parts.Add(AnyText);
            options.Add(Join(parts));
        } while (Take('|'));
        return Either(options);
    }

    private GrammarExpression Alternatives()
    {
        var options = new List<GrammarExpression>();
        do options.Add(Join(Parts()));
        while (Take('|'));
        return Either(options);
    }

    private List<GrammarExpression> Parts()
    {
        var parts = new List<GrammarExpression>();
        while (position < source.Length && source[position] is not ('|' or ')' or '$'))
            parts.Add(Quantified(Atom()));
        return parts;
    }

    private GrammarExpression Atom()
    {
        char first = source[position];
        switch (first)
        {
            case '(':
                position++;
                return Group();
            case '[':
                position++;
                return new CharacterClass(Class());
            case '.':
                position++;
                return new CharacterClass(CharacterSet.LineEnds.Complement());
            case '\\':
                position++;
                return new CharacterClass(Escape(inClass: false, inNegation: false));
            case '*' or '+' or '?':
                throw Fault($"has a '{first}' with nothing before it");
            case '^':
                throw Fault("has an anchor in its middle, which a grammar cannot say");
            default:
                return Exactly(char.ConvertFromUtf32(TakeRune()));
        }
    }

    private GrammarExpression Group()
    {
        if (++depth > GrammarLimits.Depth)
            throw Fault($"nests more than {GrammarLimits.Depth} deep");
        if (Take('?') && !Take(':'))
        {
            if (!Take('<') || position >= source.Length || source[position] is '=' or '!')
                throw Fault("looks ahead or behind, which a grammar cannot say");
            int end = source.IndexOf('>', position);
            if (end < 0)
                throw Fault("names a group without an end");
            position = end + 1;
        }

        GrammarExpression inside = Alternatives();
        if (position < source.Length && source[position] == '$')
            throw Fault("has an anchor in its middle, which a grammar cannot say");
        if (!Take(')'))
            throw Fault("has a bracket that is never closed");
        depth--;
        return inside;
    }

    private GrammarExpression Quantified(GrammarExpression item)
    {
        while (position < source.Length && source[position] is '*' or '+' or '?' or '{')
        {
            (int least, int? most) =
                Take('*') ? (0, (int?)null)
                : Take('+') ? (1, null)
                : Take('?') ? (0, 1)
                : Bounds();
            // A lazy quantifier finds other matches, but the same texts.
            Take('?');
            if (most < least)
                throw Fault("has a repetition whose limits are the wrong way round");
            item = new Repeat(item, least, most);
        }

        return item;
    }

    private (int Least, int? Most) Bounds()
    {
        position++;
        int least = Count();
        int? most = least;
        if (Take(','))
            most = position < source.Length && char.IsAsciiDigit(source[position]) ? Count() : null;
        return Take('}') ? (least, most) : throw Fault("has a repetition that is not written {2}, {2,} or {2,5}");
    }

    private int Count()
    {
        int start = position;
        while (position < source.Length && char.IsAsciiDigit(source[position]))
            position++;
        if (
            !int.TryParse(source.AsSpan(start, position - start), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            || count > GrammarLimits.RepeatCount
        )
            throw Fault($"has a repetition that is no number up to {GrammarLimits.RepeatCount}");
        return count;
    }

    private CharacterSet Class()
    {
        bool isNegated = Take('^');
        CharacterSet set = CharacterSet.Of();
        while (!Take(']'))
        {
            CharacterSet first = ClassItem(isNegated);
            if (position + 1 < source.Length && source[position] == '-' && source[position + 1] != ']')
            {
                position++;
                CharacterSet last = ClassItem(isNegated);
                if (!IsOne(first) || !IsOne(last) || last.Ranges[0].Last < first.Ranges[0].First)
                    throw Fault("has a class with a range that is none");
                first = CharacterSet.Of((first.Ranges[0].First, last.Ranges[0].Last));
            }

            set = set.Union(first);
        }

        return isNegated ? set.Complement()
            : set.IsEmpty ? throw Fault("has an empty class")
            : set;
    }

    private static bool IsOne(CharacterSet set) => set.Ranges.Count == 1 && set.Ranges[0].First == set.Ranges[0].Last;

    private CharacterSet ClassItem(bool inNegation)
    {
        if (position >= source.Length)
            throw Fault("has a class that is never closed");
        return Take('\\') ? Escape(inClass: true, inNegation) : CharacterSet.OfOne(TakeRune());
    }

    private CharacterSet Escape(bool inClass, bool inNegation)
    {
        if (position >= source.Length)
            throw Fault("ends with a backslash");
        char kind = source[position++];
        switch (kind)
        {
            case 'd':
                return CharacterSet.Digits;
            case 'D':
                return CharacterSet.Digits.Complement();
            case 'w':
                return CharacterSet.Word;
            case 'W':
                return CharacterSet.Word.Complement();
            // What is white space beyond ASCII, dialects do not agree on.
            case 's':
                return inNegation ? CharacterSet.Space : CharacterSet.AsciiSpace;
            case 'S':
                return CharacterSet.Space.Complement();
            case 'n':
                return CharacterSet.OfOne('\n');
            case 'r':
                return CharacterSet.OfOne('\r');
            case 't':
                return CharacterSet.OfOne('\t');
            case 'f':
                return CharacterSet.OfOne('\f');
            case 'b' when inClass:
                return CharacterSet.OfOne('\b');
            case 'x':
                return CharacterSet.OfOne(Hex(2));
            case 'u':
                return CharacterSet.OfOne(Hex(4));
        }

        return char.IsAsciiLetterOrDigit(kind) ? throw Fault($"has '\\{kind}', which a grammar cannot say") : CharacterSet.OfOne(kind);
    }

    private int Hex(int length)
    {
        if (
            position + length > source.Length
            || !int.TryParse(source.AsSpan(position, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            || !Rune.IsValid(value)
            || value == 0
        )
            throw Fault($"has an escape without {length} hexadecimal digits of a character");
        position += length;
        return value;
    }

    private int TakeRune()
    {
        if (!Rune.TryGetRuneAt(source, position, out Rune rune) || rune.Value == 0)
            throw Fault("holds half of a character, or NUL");
        position += rune.Utf16SequenceLength;
        return rune.Value;
    }

    private bool Take(char expected)
    {
        if (position >= source.Length || source[position] != expected)
            return false;
        position++;
        return true;
    }

    private GrammarFault Fault(string problem) => new($"{problem} (at character {position + 1}).");
}
