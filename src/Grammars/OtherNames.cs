using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Quoted names of members without escapes, all but some.</summary>
internal static class OtherNames
{
    private const int MaxLength = 100;
    private static readonly CharacterClass Plain = new(CharacterSet.JsonPlain);

    public static GrammarExpression Than(IReadOnlyList<string> names) =>
        names.Count == 0
            ? Join(Exactly("\""), Times(Plain, 1, MaxLength), Exactly("\""))
            : Join(
                Exactly("\""),
                Other([.. names.Where(static name => name.Length <= MaxLength && !name.Any(char.IsSurrogate))], 0),
                Exactly("\"")
            );

    // Names that differ from all of these, which are equal up to a place.
    private static GrammarExpression Other(IReadOnlyList<string> names, int place)
    {
        ILookup<char, string> next = names.Where(name => name.Length > place).ToLookup(name => name[place]);
        var options = new List<GrammarExpression>();
        CharacterSet unlike = CharacterSet.JsonPlain.Except(CharacterSet.Of(next.Select(static group => ((int)group.Key, (int)group.Key))));
        if (!unlike.IsEmpty)
            options.Add(Join(new CharacterClass(unlike), Times(Plain, 0, MaxLength)));
        foreach (IGrouping<char, string> group in next.Where(static group => CharacterSet.JsonPlain.Contains(group.Key)))
            options.Add(Join(Exactly(group.Key.ToString()), Other([.. group], place + 1)));
        if (place > 0 && names.All(name => name.Length != place))
            options.Add(Empty);
        return Either(options);
    }
}
