using System.Globalization;
using System.Text;

namespace Tessera.Engine.Tests.Grammars;

/// <summary>A character of a GBNF literal or class, which may be escaped.</summary>
internal static class GbnfCharacter
{
    /// <summary>Reads the character at a place, and moves behind it.</summary>
    public static Rune Read(string grammar, ref int at)
    {
        if (grammar[at] != '\\')
        {
            Rune rune = Rune.GetRuneAt(grammar, at);
            at += rune.Utf16SequenceLength;
            return rune;
        }

        char kind = grammar[at + 1];
        at += 2;
        int digits = kind switch
        {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if (digits == 0)
            return new Rune(
                kind switch
                {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    _ => kind,
                }
            );
        at += digits;
        return new Rune(int.Parse(grammar.AsSpan(at - digits, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}
