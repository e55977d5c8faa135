using System.Globalization;
using System.Text;

namespace Tessera.Engine.Tests.Grammars;

/// <summary>Reads GBNF and says whether a text follows it: slow and obvious, with no code of the engine's.</summary>
internal sealed class GbnfMatcher
{
    private readonly Dictionary<string, Func<int, HashSet<int>>> rules = [];
    private readonly Dictionary<(string, int), HashSet<int>> known = [];
    private readonly string grammar;
    private Rune[] text = [];
    private int at;

    public GbnfMatcher(string grammar)
    {
        this.grammar = grammar;
        while (at < grammar.Length)
        {
            string name = Name();
            Space();
            Assert.Equal("::=", grammar.Substring(at, 3));
            at += 3;
            rules.Add(name, Alternatives());
            Assert.Equal('\n', grammar[at++]);
        }
    }

    public bool Matches(string candidate)
    {
        text = [.. candidate.EnumerateRunes()];
        known.Clear();
        return Rule("root", 0).Contains(text.Length);
    }

    private HashSet<int> Rule(string name, int start)
    {
        if (!known.TryGetValue((name, start), out HashSet<int>? ends))
            known[(name, start)] = ends = rules[name](start);
        return ends;
    }

    private Func<int, HashSet<int>> Alternatives()
    {
        var options = new List<Func<int, HashSet<int>>>();
        do
        {
            if (at < grammar.Length && grammar[at] == '|')
                at++;
            options.Add(Sequence());
        } while (at < grammar.Length && grammar[at] == '|');
        return start => [.. options.SelectMany(option => option(start))];
    }

    private Func<int, HashSet<int>> Sequence()
    {
        var parts = new List<Func<int, HashSet<int>>>();
        Space();
        while (at < grammar.Length && grammar[at] is not ('|' or '\n' or ')'))
        {
            parts.Add(Repeated(Item()));
            Space();
        }

        return start => parts.Aggregate(new HashSet<int> { start }, static (ends, part) => [.. ends.SelectMany(part)]);
    }

    private Func<int, HashSet<int>> Item()
    {
        switch (grammar[at])
        {
            case '"':
                at++;
                var literal = new List<Rune>();
                while (grammar[at] != '"')
                    literal.Add(GbnfCharacter.Read(grammar, ref at));
                at++;
                return start => text.AsSpan(start).StartsWith(literal.ToArray()) ? [start + literal.Count] : [];
            case '[':
                at++;
                var ranges = new List<(Rune First, Rune Last)>();
                while (grammar[at] != ']')
                {
                    Rune first = GbnfCharacter.Read(grammar, ref at),
                        last = first;
                    if (grammar[at] == '-')
                    {
                        at++;
                        last = GbnfCharacter.Read(grammar, ref at);
                    }

                    ranges.Add((first, last));
                }

                at++;
                return start =>
                    start < text.Length && ranges.Any(range => range.First <= text[start] && text[start] <= range.Last) ? [start + 1] : [];
            case '(':
                at++;
                Func<int, HashSet<int>> inside = Alternatives();
                Assert.Equal(')', grammar[at++]);
                return inside;
            default:
                string name = Name();
                return start => Rule(name, start);
        }
    }

    private Func<int, HashSet<int>> Repeated(Func<int, HashSet<int>> item)
    {
        (int least, int most) = (1, 1);
        if (at >= grammar.Length || grammar[at] is not ('*' or '+' or '?' or '{'))
            return item;
        switch (grammar[at++])
        {
            case '*':
                (least, most) = (0, int.MaxValue);
                break;
            case '+':
                (least, most) = (1, int.MaxValue);
                break;
            case '?':
                (least, most) = (0, 1);
                break;
            default:
                string[] bounds = grammar[at..grammar.IndexOf('}', at)].Split(',');
                at = grammar.IndexOf('}', at) + 1;
                least = int.Parse(bounds[0], CultureInfo.InvariantCulture);
                most =
                    bounds.Length == 1 ? least
                    : bounds[1].Length == 0 ? int.MaxValue
                    : int.Parse(bounds[1], CultureInfo.InvariantCulture);
                break;
        }

        return start =>
        {
            HashSet<int> ends = [],
                now = [start];
            for (int count = 0; now.Count > 0 && count <= most && count <= text.Length + least; count++)
            {
                if (count >= least)
                    ends.UnionWith(now);
                now = [.. now.SelectMany(item)];
            }

            return ends;
        };
    }

    private string Name()
    {
        int start = at;
        while (at < grammar.Length && (char.IsAsciiLetterOrDigit(grammar[at]) || grammar[at] == '-'))
            at++;
        Assert.True(at > start, $"No name at '{grammar[start..]}'.");
        return grammar[start..at];
    }

    private void Space()
    {
        while (at < grammar.Length && grammar[at] == ' ')
            at++;
    }
}
