namespace Tessera.Grammars;

/// <content>Grammars that stand for rules of another, and what no rule stands for.</content>
internal sealed partial class GbnfParser
{
    // The root of a part takes the name that it stands for, and its other rules that name in front of theirs.
    private void Include(IReadOnlyDictionary<string, string>? parts, Dictionary<string, int> places)
    {
        foreach ((string name, int place) in firstUses)
        {
            if (parts?.TryGetValue(name, out string? grammar) != true || places.ContainsKey(name))
                continue;
            var part = new GbnfParser(grammar!);
            foreach (string rule in part.ParseRules().Keys)
            {
                if (!places.TryAdd(Renamed(rule), place))
                    throw At(place, $"The rule {Renamed(rule)} is defined twice: the part {name} has it too.");
                rules[Renamed(rule)] = part.rules[rule].Rename(Renamed);
            }

            string Renamed(string rule) => rule == GrammarRules.Root ? name : $"{name}-{rule}";
        }
    }

    private void RequireAll(Dictionary<string, int> places)
    {
        foreach ((string name, int place) in firstUses)
            if (!places.ContainsKey(name))
                throw At(place, $"The rule {name} is not defined.");
        if (!places.ContainsKey(GrammarRules.Root))
            throw new GrammarException(0, 0, "The grammar has no rule named root, which is where an answer begins.");
    }
}
