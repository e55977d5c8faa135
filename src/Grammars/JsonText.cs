using System.Globalization;
using System.Text;
using System.Text.Json;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>How text stands in a JSON string, and JSON values on one line.</summary>
internal static class JsonText
{
    private const string Escaped = "\"\\\n\r\t\b\f";
    private const string EscapeLetters = "\"\\nrtbf";
    private static readonly CharacterSet Hexadecimal = CharacterSet.Of(('0', '9'), ('a', 'f'), ('A', 'F'));

    /// <summary>Any one character of a string, plain or escaped; no halves of surrogate pairs.</summary>
    public static GrammarExpression AnyCharacter { get; } =
        Either(
            new CharacterClass(CharacterSet.JsonPlain),
            Join(Exactly("\\"), new CharacterClass(CharacterSet.Of("\"\\/bfnrt".Select(static letter => ((int)letter, (int)letter))))),
            Join(
                Exactly("\\u"),
                new CharacterClass(Hexadecimal.Except(CharacterSet.Of(('d', 'd'), ('D', 'D')))),
                Times(new CharacterClass(Hexadecimal), 3, 3)
            ),
            Join(
                Exactly("\\u"),
                new CharacterClass(CharacterSet.Of(('d', 'd'), ('D', 'D'))),
                new CharacterClass(CharacterSet.Of(('0', '7'))),
                Times(new CharacterClass(Hexadecimal), 2, 2)
            )
        );

    /// <summary>An expression over characters as one over their JSON form. Control characters without a short escape are left
    /// out.</summary>
    public static GrammarExpression Encode(GrammarExpression expression) =>
        expression switch
        {
            Literal literal => Exactly(Encode(literal.Value)),
            CharacterClass set => Encode(set.Characters),
            Sequence sequence => Join(sequence.Parts.Select(Encode)),
            Choice choice => Either(choice.Options.Select(Encode)),
            Repeat repeat => repeat with { Item = Encode(repeat.Item) },
            _ => expression,
        };

    /// <summary>A string's characters in its JSON form, without the quotes.</summary>
    public static string Encode(string value)
    {
        var text = new StringBuilder();
        foreach (char character in value)
        {
            int letter = Escaped.IndexOf(character, StringComparison.Ordinal);
            if (letter >= 0)
                text.Append('\\').Append(EscapeLetters[letter]);
            else if (character < ' ' || character is >= '\x7F' and < '\xA0')
                text.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture));
            else
                text.Append(character);
        }

        return text.ToString();
    }

    public static string Quote(string value) => $"\"{Encode(value)}\"";

    /// <summary>A value on one line, without spaces.</summary>
    public static string Write(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => Quote(value.GetString()!),
            JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Write))}]",
            JsonValueKind.Object =>
                $"{{{string.Join(',', value.EnumerateObject().Select(static member => $"{Quote(member.Name)}:{Write(member.Value)}"))}}}",
            _ => value.GetRawText(),
        };

    private static GrammarExpression Encode(CharacterSet set)
    {
        CharacterSet plain = set.Intersect(CharacterSet.JsonPlain);
        var options = new List<GrammarExpression>();
        if (!plain.IsEmpty)
            options.Add(new CharacterClass(plain));
        string letters = string.Concat(EscapeLetters.Where((_, index) => set.Contains(Escaped[index])));
        if (letters.Length > 0)
            options.Add(
                Join(Exactly("\\"), new CharacterClass(CharacterSet.Of(letters.Select(static letter => ((int)letter, (int)letter)))))
            );
        return Either(options);
    }
}
