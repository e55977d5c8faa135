using System.Globalization;
using System.Text;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Writes grammars in GBNF that are sound and that one text fits in many ways: repetitions in repetitions, of what may be empty too.
/// </summary>
internal static class GrammarWriter
{
    private const int Depth = 4;
    private static readonly string[] Counts = ["{0,3}", "{2}", "{1,}", "{0,50}", "{100}", "{0,1000}", "{5000}", "*", "+", "?"];

    public static string Write(Random random)
    {
        int ruleCount = random.Pick((int[])[1, 3, 10, 200]);
        var text = new StringBuilder($"root ::= {Expression(random, Depth, ruleCount)}\n");
        for (int rule = 0; rule < ruleCount; rule++)
        {
            // Some double what comes behind them, as often as there are rules.
            string body = random.OneIn(4) && rule + 1 < ruleCount ? $"r{rule + 1}? r{rule + 1}" : Expression(random, Depth - 1, ruleCount);
            text.Append(CultureInfo.InvariantCulture, $"r{rule} ::= {body}\n");
        }

        return text.ToString();
    }

    private static string Expression(Random random, int depth, int ruleCount)
    {
        if (depth <= 0 || random.OneIn(7))
            return random.Pick((string[])["\"a\"", "[a-z]", "\"\"", "[^\"]", $"r{random.Next(ruleCount)}"]);
        string first = Expression(random, depth - 1, ruleCount);
        return random.Next(6) switch
        {
            0 => $"({first} | {Expression(random, depth - 1, ruleCount)})",
            1 => $"{first} {Expression(random, depth - 1, ruleCount)}",
            _ => $"({first}){random.Pick(Counts)}",
        };
    }
}
