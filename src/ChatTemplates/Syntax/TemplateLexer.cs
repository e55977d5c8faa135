namespace Tessera.ChatTemplates;

/// <summary>
/// Cuts a template into text and tags, with the white space control of Jinja2 3.1.6 (lexer.py) as transformers sets it:
/// trim_blocks and lstrip_blocks on, one newline at the end dropped.
/// </summary>
internal sealed class TemplateLexer
{
    private readonly string source;
    private readonly List<Token> tokens = [];
    private int position;

    // Whether the text at the position starts a line, as far as stripping the blanks before a tag is concerned.
    private bool isLineStart = true;

    private TemplateLexer(string source) => this.source = source;

    /// <summary>The template as the tokens' offsets count it: one kind of newline, none at the end.</summary>
    public static string Normalize(string source)
    {
        string normal = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        return normal.EndsWith('\n') ? normal[..^1] : normal;
    }

    /// <summary>All tokens of a normalized template.</summary>
    public static List<Token> Tokenize(string normalizedSource)
    {
        TemplateLexer lexer = new(normalizedSource);
        while (lexer.position < normalizedSource.Length)
            lexer.ReadTextAndTag();
        lexer.Add(TokenKind.EndOfTemplate, "", normalizedSource.Length);
        return lexer.tokens;
    }

    private void ReadTextAndTag()
    {
        int start = position,
            tag = FindTag(position);
        if (tag < 0)
        {
            AddText(source[start..], start);
            position = source.Length;
            return;
        }
        char kind = source[tag + 1];
        position = tag + 2;
        char sign = ReadSign();
        AddText(StripBefore(source[start..tag], sign, canStripLine: kind != '{'), start);
        if (kind == '#')
            SkipComment(tag);
        else if (kind == '{')
            ReadTag(TokenKind.VariableBegin, TokenKind.VariableEnd, tag);
        else if (TryReadRawBegin())
            ReadRaw(tag);
        else
            ReadTag(TokenKind.BlockBegin, TokenKind.BlockEnd, tag);
    }

    private int FindTag(int from)
    {
        for (int index = from; (index = source.IndexOf('{', index)) >= 0; index++)
            if (index + 1 < source.Length && source[index + 1] is '{' or '%' or '#')
                return index;
        return -1;
    }

    private char ReadSign() => position < source.Length && source[position] is '-' or '+' ? source[position++] : '\0';

    private string StripBefore(string text, char sign, bool canStripLine)
    {
        if (sign == '-')
            return PythonText.Strip(text, null, atStart: false, atEnd: true);
        if (sign == '+' || !canStripLine)
            return text;
        int lineStart = text.LastIndexOf('\n') + 1;
        bool isBlank = text.AsSpan(lineStart).IndexOfAnyExcept(' ', '\t') < 0 || text[lineStart..].All(PythonText.IsSpace);
        return isBlank && (lineStart > 0 || isLineStart) ? text[..lineStart] : text;
    }

    private void SkipComment(int tag)
    {
        int end = source.IndexOf("#}", position, StringComparison.Ordinal);
        if (end < 0)
            throw new TemplateFault("Missing end of comment tag") { Offset = tag };
        char sign = end > position && source[end - 1] is '-' or '+' ? source[end - 1] : '\0';
        FinishTag(end + 2, sign, trimsNewline: true);
    }

    private bool TryReadRawBegin()
    {
        int index = SkipSpace(position);
        if (string.CompareOrdinal(source, index, "raw", 0, 3) != 0)
            return false;
        index = SkipSpace(index + 3);
        bool strips = index < source.Length && source[index] == '-';
        if (string.CompareOrdinal(source, strips ? index + 1 : index, "%}", 0, 2) != 0)
            return false;
        position = strips ? SkipSpace(index + 3) : index + 2;
        isLineStart = source[position - 1] == '\n';
        return true;
    }

    private void ReadRaw(int tag)
    {
        int start = position;
        for (int end = start; (end = source.IndexOf("{%", end, StringComparison.Ordinal)) >= 0; end++)
        {
            position = end + 2;
            char before = ReadSign();
            int index = SkipSpace(position);
            if (string.CompareOrdinal(source, index, "endraw", 0, 6) != 0)
                continue;
            index = SkipSpace(index + 6);
            char after = index < source.Length && source[index] is '-' or '+' ? source[index++] : '\0';
            if (string.CompareOrdinal(source, index, "%}", 0, 2) != 0)
                continue;
            AddText(StripBefore(source[start..end], before, canStripLine: true), start);
            FinishTag(index + 2, after, trimsNewline: true);
            return;
        }
        throw new TemplateFault("Missing end of raw directive") { Offset = tag };
    }

    private void ReadTag(TokenKind begin, TokenKind end, int tag)
    {
        Add(begin, "", tag);
        bool isBlock = end == TokenKind.BlockEnd;
        TagScanner scanner = new(source, position, isBlock ? '%' : '}', tokens);
        (int endStart, int next, char sign) = scanner.ScanToEnd();
        Add(end, "", endStart);
        FinishTag(next, sign, trimsNewline: isBlock);
    }

    /// <summary>Goes behind a tag and the white space that its end takes with it.</summary>
    private void FinishTag(int next, char sign, bool trimsNewline)
    {
        if (sign == '-')
            next = SkipSpace(next);
        else if (sign == '\0' && trimsNewline && next < source.Length && source[next] == '\n')
            next++;
        position = next;
        isLineStart = source[next - 1] == '\n';
    }

    private int SkipSpace(int index)
    {
        while (index < source.Length && PythonText.IsSpace(source[index]))
            index++;
        return index;
    }

    private void AddText(string text, int offset)
    {
        if (text.Length > 0)
            Add(TokenKind.Data, text, offset);
    }

    private void Add(TokenKind kind, string text, int offset) => tokens.Add(new Token(kind, text, offset));
}
