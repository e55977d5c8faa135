using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Brings a pattern within limits on its length, in characters, where one repetition of characters decides it.</summary>
internal static class PatternLength
{
    /// <exception cref="GrammarFault">The length depends on more than one part.</exception>
    public static GrammarExpression Limit(GrammarExpression pattern, int least, int? most)
    {
        if (least == 0 && most is null)
            return pattern;
        if (pattern is Choice choice)
            return Either(choice.Options.Select(option => Limit(option, least, most)));
        (int shortest, int? longest) = Of(pattern);
        if (shortest > most || longest < least)
            throw new GrammarFault($"has no text of {least} to {(most is null ? "any number of" : most)} characters.");
        if (shortest >= least && (most is null || longest <= most))
            return pattern;
        return pattern switch
        {
            Repeat repeat when IsOneCharacter(repeat.Item) => repeat with
            {
                Least = Math.Max(repeat.Least, least),
                Most = Least(repeat.Most, most),
            },
            Sequence sequence => Limit(sequence, least, most),
            _ => throw TooFree(),
        };
    }

    private static GrammarExpression Limit(Sequence sequence, int least, int? most)
    {
        (int Shortest, int? Longest)[] lengths = [.. sequence.Parts.Select(Of)];
        int[] free = [.. Enumerable.Range(0, lengths.Length).Where(index => lengths[index].Shortest != lengths[index].Longest)];
        if (free.Length != 1)
            throw TooFree();
        int others = lengths.Sum(static length => length.Shortest) - lengths[free[0]].Shortest;
        return Join(
            sequence.Parts.Select((part, index) => index == free[0] ? Limit(part, Math.Max(0, least - others), most - others) : part)
        );
    }

    private static bool IsOneCharacter(GrammarExpression expression) => Of(expression) is (1, 1);

    private static (int Shortest, int? Longest) Of(GrammarExpression expression)
    {
        switch (expression)
        {
            case Literal literal:
                int length = literal.Value.EnumerateRunes().Count();
                return (length, length);
            case Sequence sequence:
                return sequence
                    .Parts.Select(Of)
                    .Aggregate(
                        (Shortest: 0, Longest: (int?)0),
                        static (all, part) =>
                            (
                                Bounded(all.Shortest + (long)part.Shortest),
                                all.Longest + (long?)part.Longest is long sum ? Bounded(sum) : null
                            )
                    );
            case Choice choice:
                (int Shortest, int? Longest)[] options = [.. choice.Options.Select(Of)];
                return (
                    options.Min(static option => option.Shortest),
                    options.Any(static option => option.Longest is null) ? null : options.Max(static option => option.Longest)
                );
            case Repeat repeat:
                (int shortest, int? longest) = Of(repeat.Item);
                return (
                    Bounded((long)shortest * repeat.Least),
                    longest == 0 ? 0
                    : (long?)longest * repeat.Most is long most ? Bounded(most)
                    : null
                );
            default:
                return (1, 1);
        }
    }

    private static int Bounded(long length) => (int)Math.Min(length, int.MaxValue / 2);

    private static int? Least(int? first, int? second) => first < second || second is null ? first : second;

    private static GrammarFault TooFree() =>
        new("stands beside a limit on the length that a grammar cannot say together with it: limit the pattern's repetitions instead.");
}
