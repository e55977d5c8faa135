namespace Tessera.Templates;

/// <summary>
/// Cuts a template into text and tags, with the white space control of Jinja2 3.1.6 (lexer.py) as transformers sets it:
/// trim_blocks and lstrip_blocks on, one newline at the end dropped.
/// </summary>
internal sealed class TemplateLexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position;

    // Whether the text at the position starts a line, as far as stripping the blanks before a tag is concerned.
    private bool _isLineStart = true;

    private TemplateLexer(string source) => _source = source;

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
        while (lexer._position < normalizedSource.Length)
            lexer.ReadTextAndTag();
        lexer.Add(TokenKind.EndOfTemplate, "", normalizedSource.Length);
        return lexer._tokens;
    }

    private void ReadTextAndTag()
    {
        int start = _position, tag = FindTag(_position);
        if (tag < 0)
        {
            AddText(_source[start..], start);
            _position = _source.Length;
            return;
        }
        char kind = _source[tag + 1];
        _position = tag + 2;
        char sign = ReadSign();
        AddText(StripBefore(_source[start..tag], sign, canStripLine: kind != '{'), start);
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
        for (int index = from; (index = _source.IndexOf('{', index)) >= 0; index++)
            if (index + 1 < _source.Length && _source[index + 1] is '{' or '%' or '#')
                return index;
        return -1;
    }

    private char ReadSign() => _position < _source.Length && _source[_position] is '-' or '+' ? _source[_position++] : '\0';

    private string StripBefore(string text, char sign, bool canStripLine)
    {
        if (sign == '-')
            return PythonText.Strip(text, null, atStart: false, atEnd: true);
        if (sign == '+' || !canStripLine)
            return text;
        int lineStart = text.LastIndexOf('\n') + 1;
        bool isBlank = text.AsSpan(lineStart).IndexOfAnyExcept(' ', '\t') < 0 || text[lineStart..].All(PythonText.IsSpace);
        return isBlank && (lineStart > 0 || _isLineStart) ? text[..lineStart] : text;
    }

    private void SkipComment(int tag)
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
            throw new TemplateFault("Missing end of comment tag") { Offset = tag };
        char sign = end > _position && _source[end - 1] is '-' or '+' ? _source[end - 1] : '\0';
        FinishTag(end + 2, sign, trimsNewline: true);
    }

    private bool TryReadRawBegin()
    {
        int index = SkipSpace(_position);
        if (string.CompareOrdinal(_source, index, "raw", 0, 3) != 0)
            return false;
        index = SkipSpace(index + 3);
        bool strips = index < _source.Length && _source[index] == '-';
        if (string.CompareOrdinal(_source, strips ? index + 1 : index, "%}", 0, 2) != 0)
            return false;
        _position = strips ? SkipSpace(index + 3) : index + 2;
        _isLineStart = _source[_position - 1] == '\n';
        return true;
    }

    private void ReadRaw(int tag)
    {
        int start = _position;
        for (int end = start; (end = _source.IndexOf("{%", end, StringComparison.Ordinal)) >= 0; end++)
        {
            _position = end + 2;
            char before = ReadSign();
            int index = SkipSpace(_position);
            if (string.CompareOrdinal(_source, index, "endraw", 0, 6) != 0)
                continue;
            index = SkipSpace(index + 6);
            char after = index < _source.Length && _source[index] is '-' or '+' ? _source[index++] : '\0';
            if (string.CompareOrdinal(_source, index, "%}", 0, 2) != 0)
                continue;
            AddText(StripBefore(_source[start..end], before, canStripLine: true), start);
            FinishTag(index + 2, after, trimsNewline: true);
            return;
        }
        throw new TemplateFault("Missing end of raw directive") { Offset = tag };
    }

    private void ReadTag(TokenKind begin, TokenKind end, int tag)
    {
        Add(begin, "", tag);
        bool isBlock = end == TokenKind.BlockEnd;
        TagScanner scanner = new(_source, _position, isBlock ? '%' : '}', _tokens);
        (int endStart, int next, char sign) = scanner.ScanToEnd();
        Add(end, "", endStart);
        FinishTag(next, sign, trimsNewline: isBlock);
    }

    /// <summary>Goes behind a tag and the white space that its end takes with it.</summary>
    private void FinishTag(int next, char sign, bool trimsNewline)
    {
        if (sign == '-')
            next = SkipSpace(next);
        else if (sign == '\0' && trimsNewline && next < _source.Length && _source[next] == '\n')
            next++;
        _position = next;
        _isLineStart = _source[next - 1] == '\n';
    }

    private int SkipSpace(int index)
    {
        while (index < _source.Length && PythonText.IsSpace(_source[index]))
            index++;
        return index;
    }

    private void AddText(string text, int offset)
    {
        if (text.Length > 0)
            Add(TokenKind.Data, text, offset);
    }

    private void Add(TokenKind kind, string text, int offset) => _tokens.Add(new Token(kind, text, offset));
}
