using System.Globalization;
using System.Text;

namespace Tessera.Grammars;

/// <content>Quoted text, classes, and the characters in them.</content>
internal sealed partial class GbnfParser
{
    private Literal QuotedText()
    {
        int start = position++;
        var text = new StringBuilder();
        while (position < source.Length && source[position] != '"')
            text.Append(char.ConvertFromUtf32(Character(start)));
        if (position >= source.Length)
            throw At(start, "This text is never closed.");
        position++;
        return new Literal(text.ToString());
    }

    private CharacterClass Class()
    {
        int start = position++;
        bool isNegated = position < source.Length && source[position] == '^';
        if (isNegated)
            position++;
        var ranges = new List<(int First, int Last)>();
        while (position < source.Length && source[position] != ']')
        {
            int first = Character(start),
                last = first;
            if (position + 1 < source.Length && source[position] == '-' && source[position + 1] != ']')
            {
                position++;
                last = Character(start);
            }

            if (last < first)
                throw At(start, "A range in this class ends before it begins.");
            ranges.Add((first, last));
        }

        if (position >= source.Length)
            throw At(start, "This class is never closed.");
        if (ranges.Count == 0)
            throw At(start, "This class is empty.");
        position++;
        CharacterSet set = CharacterSet.Of(ranges);
        return new CharacterClass(isNegated ? set.Complement() : set);
    }

    private int Character(int start)
    {
        if (source[position] != '\\')
        {
            if (!Rune.TryGetRuneAt(source, position, out Rune rune))
                throw At(position, "This is half of a character.");
            position += rune.Utf16SequenceLength;
            return rune.Value != 0 ? rune.Value : throw At(position - 1, "The character NUL cannot be used.");
        }

        int place = position++;
        char kind = position < source.Length ? source[position++] : throw At(start, "This is never closed.");
        return kind switch
        {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => Hex(place, 2),
            'u' => Hex(place, 4),
            'U' => Hex(place, 8),
            '\\' or '"' or '[' or ']' or '-' => kind,
            _ => throw At(place, $"'\\{kind}' is no escape."),
        };
    }

    private int Hex(int place, int length)
    {
        if (
            position + length > source.Length
            || !uint.TryParse(source.AsSpan(position, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
            || !Rune.IsValid(value)
            || value == 0
        )
            throw At(place, $"{length} hexadecimal digits of a character must follow.");
        position += length;
        return (int)value;
    }
}
