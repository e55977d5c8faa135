using System.Text;
using System.Text.RegularExpressions;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Makes hostile texts of sound ones, word by word: words of the language taken away, doubled, swapped, nested and repeated.
/// </summary>
/// <param name="originals">Sound texts.</param>
/// <param name="words">Words of the language, and whatever else may stand in it.</param>
/// <param name="brackets">What opens and closes, for nests.</param>
internal sealed partial class TextMutator(
    IReadOnlyList<string> originals,
    IReadOnlyList<string> words,
    IReadOnlyList<(string Open, string Close)> brackets
)
{
    private static readonly string[] Oddities =
    [
        "\0",
        "\uFFFF",
        "\uD800",
        "\uDC00\uD800",
        "\U0001F600",
        "e\u0301",
        "\u202E",
        "\r",
        "\u2028",
        "\x1B[2J",
        "99999999999999999999999",
        "-1",
        "0",
        "1e999",
        "0x7fffffff",
        "2147483648",
        "9223372036854775807",
        "-9223372036854775808",
        "''",
        "\"",
        "\\",
        "\\u12",
        "\t",
        " ",
    ];

    private readonly string[][] corpus = [.. originals.Select(Tokens)];

    public byte[] Make(Random random)
    {
        if (random.OneIn(20))
            return Damage.Copy(Encoding.UTF8.GetBytes(random.Pick(originals)), random);
        List<string> tokens = [.. random.Pick(corpus)];
        for (int changes = random.Next(1, 7); changes > 0 && tokens.Count > 0; changes--)
            Change(tokens, random);
        var text = new StringBuilder();
        foreach (string token in tokens)
        {
            if (text.Length > 300_000)
                break;
            text.Append(token);
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private void Change(List<string> tokens, Random random)
    {
        int index = random.Next(tokens.Count);
        switch (random.Next(12))
        {
            case 0:
                tokens.RemoveAt(index);
                break;
            case 1:
                Damage.Rearrange(tokens, random);
                break;
            case 2:
                tokens[index] = random.Pick(Oddities);
                break;
            case 3:
                Splice(tokens, index, random);
                break;
            case 4:
                tokens[index] = tokens[random.Next(tokens.Count)];
                break;
            case 5 when random.OneIn(3):
                Nest(tokens, index, random);
                break;
            case 6 when random.OneIn(3):
                tokens[index] = string.Concat(Enumerable.Repeat(tokens[index], 1 << random.Next(1, 14)));
                break;
            case 7:
                tokens.RemoveRange(index, Math.Min(random.Next(1, 12), tokens.Count - index));
                break;
            case 8:
                tokens.Insert(index, random.Pick(words));
                break;
            default:
                tokens[index] = random.Pick(words);
                break;
        }
    }

    private void Splice(List<string> tokens, int index, Random random)
    {
        string[] other = random.Pick(corpus);
        if (other.Length == 0)
            return;
        int start = random.Next(other.Length);
        tokens.InsertRange(index, other[start..Math.Min(other.Length, start + random.Next(1, 20))]);
    }

    private void Nest(List<string> tokens, int index, Random random)
    {
        (string open, string close) = random.Pick(brackets);
        int depth = 1 << random.Next(1, 13);
        tokens.Insert(index, string.Concat(Enumerable.Repeat(open, depth)));
        if (random.Next(4) > 0)
            tokens.Insert(random.Next(index + 1, tokens.Count + 1), string.Concat(Enumerable.Repeat(close, depth)));
    }

    private static string[] Tokens(string text) => [.. Words().Matches(text).Select(static match => match.Value)];

    [GeneratedRegex(@"\w+|\s+|\{%-?|-?%\}|\{\{-?|-?\}\}|\{#|#\}|::=|\$\w+|[^\w\s]", RegexOptions.Singleline)]
    private static partial Regex Words();
}
