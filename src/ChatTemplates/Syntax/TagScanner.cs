using System.Globalization;
using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>Cuts the inside of one tag into names, literals and operators (Jinja2 3.1.6, lexer.py).</summary>
internal sealed class TagScanner(string source, int position, char endSymbol, List<Token> tokens)
{
    private static readonly string[] Operators =
    [
        "//",
        "**",
        "==",
        "!=",
        ">=",
        "<=",
        "+",
        "-",
        "/",
        "*",
        "%",
        "~",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ">",
        "<",
        "=",
        ".",
        ":",
        "|",
        ",",
        ";",
    ];

    private readonly Stack<char> openBrackets = new();
    private int position = position;

    /// <summary>Reads up to the tag's end; returns where the end starts, what follows it, and its sign.</summary>
    public (int EndStart, int Next, char Sign) ScanToEnd()
    {
        while (true)
        {
            while (this.position < source.Length && PythonText.IsSpace(source[this.position]))
                this.position++;
            if (this.position >= source.Length)
                throw Fail("Unexpected end of template: a tag is not closed");
            if (openBrackets.Count == 0 && TryReadEnd() is { } end)
                return end;
            ReadToken();
        }
    }

    private (int EndStart, int Next, char Sign)? TryReadEnd()
    {
        char sign = source[this.position] == '-' || (source[this.position] == '+' && endSymbol == '%') ? source[this.position] : '\0';
        int start = sign == '\0' ? this.position : this.position + 1;
        return start + 1 < source.Length && source[start] == endSymbol && source[start + 1] == '}'
            ? (this.position, start + 2, sign)
            : null;
    }

    private void ReadToken()
    {
        char first = source[this.position];
        if (char.IsAsciiDigit(first))
            ReadNumber();
        else if (first is '\'' or '"')
            ReadString(first);
        else if (first == '_' || char.IsLetter(first))
            ReadName();
        else
            ReadOperator();
    }

    private void ReadName()
    {
        int start = this.position;
        while (this.position < source.Length && (source[this.position] == '_' || char.IsLetterOrDigit(source[this.position])))
            this.position++;
        tokens.Add(new Token(TokenKind.Name, source[start..this.position], start));
    }

    private void ReadNumber()
    {
        int start = this.position;
        bool followsDot = start > 0 && source[start - 1] == '.';
        if (!followsDot && TryReadFloat())
            return;
        char radix = start + 1 < source.Length && source[start] == '0' ? char.ToLowerInvariant(source[start + 1]) : '\0';
        int bits = radix switch
        {
            'x' => 4,
            'o' => 3,
            'b' => 1,
            _ => 0,
        };
        int digitsStart = bits == 0 ? start : start + 2;
        int end = DigitsEnd(digitsStart, character => IsDigitOf(character, bits, isZeroOnly: bits == 0 && source[start] == '0'));
        if (end == digitsStart)
            (bits, end) = (0, start + 1);
        string digits = source[(bits == 0 ? start : digitsStart)..end].Replace("_", "", StringComparison.Ordinal);
        if (digits.Length > IntegerValue.MaxBits / 4)
            throw Fail("the number is too long");
        BigInteger value =
            bits == 0
                ? BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture)
                : digits.Aggregate(BigInteger.Zero, (sum, digit) => (sum << bits) + Convert.ToInt32(digit.ToString(), 16));
        this.position = end;
        tokens.Add(new Token(TokenKind.Integer, source[start..end], start, value));
    }

    private bool TryReadFloat()
    {
        int start = this.position,
            end = DigitsEnd(start, char.IsAsciiDigit);
        bool hasFraction = end + 1 < source.Length && source[end] == '.' && char.IsAsciiDigit(source[end + 1]);
        if (hasFraction)
            end = DigitsEnd(end + 1, char.IsAsciiDigit);
        int exponent = end < source.Length && source[end] is 'e' or 'E' ? end + 1 : -1;
        if (exponent > 0 && exponent < source.Length && source[exponent] is '+' or '-')
            exponent++;
        bool hasExponent = exponent > 0 && exponent < source.Length && char.IsAsciiDigit(source[exponent]);
        if (hasExponent)
            end = DigitsEnd(exponent, char.IsAsciiDigit);
        if (!hasFraction && !hasExponent)
            return false;
        double value = double.Parse(source[start..end].Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        this.position = end;
        tokens.Add(new Token(TokenKind.Float, source[start..end], start, Float: value));
        return true;
    }

    /// <summary>The end of a run of digits; a single underscore may stand between two of them.</summary>
    private int DigitsEnd(int index, Func<char, bool> isDigit)
    {
        int end = index;
        while (
            index < source.Length
            && (isDigit(source[index]) || (source[index] == '_' && index + 1 < source.Length && isDigit(source[index + 1])))
        )
            end = ++index;
        return end;
    }

    private static bool IsDigitOf(char character, int bits, bool isZeroOnly) =>
        bits switch
        {
            4 => char.IsAsciiHexDigit(character),
            3 => character is >= '0' and <= '7',
            1 => character is '0' or '1',
            _ => isZeroOnly ? character == '0' : char.IsAsciiDigit(character),
        };

    private void ReadString(char quote)
    {
        int start = this.position++;
        while (this.position < source.Length && source[this.position] != quote)
            this.position += source[this.position] == '\\' ? 2 : 1;
        if (this.position >= source.Length)
            throw new TemplateFault($"unexpected char {PythonText.Repr(quote.ToString())}: the string is not closed") { Offset = start };
        string text = StringLiteral.Unescape(source[(start + 1)..this.position], start);
        this.position++;
        tokens.Add(new Token(TokenKind.String, text, start));
    }

    private void ReadOperator()
    {
        string? symbol = Array.Find(
            Operators,
            candidate => string.CompareOrdinal(source, this.position, candidate, 0, candidate.Length) == 0
        );
        if (symbol is null)
            throw Fail($"unexpected char {PythonText.Repr(source[this.position].ToString())}");
        if (symbol is "(" or "[" or "{")
            openBrackets.Push(
                symbol == "(" ? ')'
                : symbol == "[" ? ']'
                : '}'
            );
        else if (symbol is ")" or "]" or "}")
            Close(symbol);
        tokens.Add(new Token(TokenKind.Operator, symbol, this.position));
        this.position += symbol.Length;
    }

    private void Close(string symbol)
    {
        if (openBrackets.Count == 0)
            throw Fail($"unexpected '{symbol}'");
        char expected = openBrackets.Pop();
        if (expected != symbol[0])
            throw Fail($"unexpected '{symbol}', expected '{expected}'");
    }

    private TemplateFault Fail(string problem) => new(problem) { Offset = this.position };
}
