using System.Globalization;
using System.Text;
using Tessera.Engine.Tests.Grammars;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>Reads GBNF as <see cref="AnswerFormat.Grammar"/> has it, and writes random texts that follow it, with no code of the
/// engine's.</summary>
internal sealed class GbnfSampler
{
    private const int DeepEnough = 60;
    private const int Endless = 1_000_000;
    private readonly Dictionary<string, Part> rules = [];
    private readonly Dictionary<string, int> heights = [];
    private readonly string grammar;
    private int at;

    public GbnfSampler(string grammar)
    {
        this.grammar = grammar;
        while (at < grammar.Length)
        {
            string name = Name();
            at = grammar.IndexOf("::=", at, StringComparison.Ordinal) + 3;
            rules.Add(name, Alternatives());
            Assert.Equal('\n', grammar[at++]);
        }

        foreach (string name in rules.Keys)
            heights[name] = Endless;
        for (bool changes = true; changes; )
        {
            changes = false;
            foreach ((string name, Part part) in rules)
            {
                int height = HeightOf(part);
                changes |= height < heights[name];
                heights[name] = Math.Min(height, heights[name]);
            }
        }
    }

    private abstract record Part;

    private sealed record Literal(string Text) : Part;

    private sealed record Class(IReadOnlyList<(int First, int Last)> Ranges) : Part;

    private sealed record Reference(string Name) : Part;

    private sealed record Sequence(IReadOnlyList<Part> Parts) : Part;

    private sealed record Choice(IReadOnlyList<Part> Options) : Part;

    private sealed record Repeat(Part Item, int Least, int Most) : Part;

    public string Next(Random random)
    {
        var text = new StringBuilder();
        Write(rules["root"], 0, text, random);
        return text.ToString();
    }

    private void Write(Part part, int depth, StringBuilder text, Random random)
    {
        switch (part)
        {
            case Literal literal:
                text.Append(literal.Text);
                break;
            case Class set:
                (int first, int last) = set.Ranges[random.Next(set.Ranges.Count)];
                int character = random.Next(first, Math.Min(last, first + 90) + 1);
                text.Append(new Rune(character is >= 0xD800 and < 0xE000 or 0 ? 'x' : character));
                break;
            case Reference reference:
                Write(rules[reference.Name], depth + 1, text, random);
                break;
            case Sequence sequence:
                foreach (Part inner in sequence.Parts)
                    Write(inner, depth, text, random);
                break;
            case Choice choice:
                Part[] options =
                    depth > DeepEnough
                        ? [choice.Options.MinBy(HeightOf)!]
                        : [.. choice.Options.Where(option => HeightOf(option) < Endless)];
                Write(options[random.Next(options.Length)], depth, text, random);
                break;
            case Repeat repeat:
                int most = depth > DeepEnough ? repeat.Least : Math.Min(repeat.Most, repeat.Least + 3);
                for (int count = random.Next(repeat.Least, most + 1); count > 0; count--)
                    Write(repeat.Item, depth + 1, text, random);
                break;
        }
    }

    private int HeightOf(Part part) =>
        part switch
        {
            Reference reference => Math.Min(Endless, 1 + heights[reference.Name]),
            Sequence sequence => sequence.Parts.Select(HeightOf).DefaultIfEmpty(0).Max(),
            Choice choice => choice.Options.Min(HeightOf),
            Repeat repeat => repeat.Least == 0 ? 0 : HeightOf(repeat.Item),
            _ => 0,
        };

    private Part Alternatives()
    {
        var options = new List<Part>();
        do
        {
            if (grammar[at] == '|')
                at++;
            var parts = new List<Part>();
            Space();
            while (grammar[at] is not ('|' or '\n'))
            {
                parts.Add(Repeated(Item()));
                Space();
            }

            options.Add(new Sequence(parts));
        } while (grammar[at] == '|');
        return options.Count == 1 ? options[0] : new Choice(options);
    }

    private Part Item()
    {
        if (grammar[at] == '"')
        {
            var literal = new StringBuilder();
            for (at++; grammar[at] != '"'; )
                literal.Append(GbnfCharacter.Read(grammar, ref at));
            at++;
            return new Literal(literal.ToString());
        }

        if (grammar[at] != '[')
            return new Reference(Name());
        var ranges = new List<(int First, int Last)>();
        for (at++; grammar[at] != ']'; )
        {
            int first = GbnfCharacter.Read(grammar, ref at).Value,
                last = first;
            if (grammar[at] == '-')
            {
                at++;
                last = GbnfCharacter.Read(grammar, ref at).Value;
            }

            ranges.Add((first, last));
        }

        at++;
        return new Class(ranges);
    }

    private Part Repeated(Part item)
    {
        switch (grammar[at])
        {
            case '*':
                at++;
                return new Repeat(item, 0, Endless);
            case '+':
                at++;
                return new Repeat(item, 1, Endless);
            case '?':
                at++;
                return new Repeat(item, 0, 1);
            case '{':
                break;
            default:
                return item;
        }

        int end = grammar.IndexOf('}', at);
        string[] bounds = grammar[(at + 1)..end].Split(',');
        at = end + 1;
        int least = int.Parse(bounds[0], CultureInfo.InvariantCulture);
        return new Repeat(
            item,
            least,
            bounds.Length == 1 ? least
                : bounds[1].Length == 0 ? Endless
                : int.Parse(bounds[1], CultureInfo.InvariantCulture)
        );
    }

    private string Name()
    {
        int start = at;
        while (char.IsAsciiLetterOrDigit(grammar[at]) || grammar[at] == '-')
            at++;
        Assert.True(at > start);
        return grammar[start..at];
    }

    private void Space()
    {
        while (grammar[at] == ' ')
            at++;
    }
}
