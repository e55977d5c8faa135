namespace Tessera.Templates;

/// <summary>Parses expressions by the precedence of Jinja2 3.1.6 (parser.py): or, and, not, comparison, + -, ~, * /, **, sign.</summary>
internal sealed class ExpressionParser
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];

    private static readonly Dictionary<string, BinaryOperation> Sums = new()
    {
        ["+"] = PythonArithmetic.Add,
        ["-"] = PythonArithmetic.Subtract,
    };

    private static readonly Dictionary<string, BinaryOperation> Products = new()
    {
        ["*"] = PythonArithmetic.Multiply,
        ["/"] = PythonArithmetic.Divide,
        ["//"] = PythonArithmetic.FloorDivide,
        ["%"] = PythonArithmetic.Modulo,
    };

    private static readonly Dictionary<string, BinaryOperation> Powers = new() { ["**"] = PythonArithmetic.Power };

    private readonly TokenStream _tokens;
    private readonly ParserContext _context;

    public ExpressionParser(TokenStream tokens, ParserContext context)
    {
        _tokens = tokens;
        _context = context;
        Primaries = new PrimaryParser(tokens, context, this);
    }

    public PrimaryParser Primaries { get; }

    /// <summary>An expression, with <c>a if b else c</c> unless the place forbids it.</summary>
    public Expression Parse(bool withCondition = true)
    {
        _tokens.Enter();
        Expression expression = withCondition ? ParseConditional() : ParseOr();
        _tokens.Leave();
        return expression;
    }

    /// <summary>An expression, or several with commas between them, which make a tuple.</summary>
    public Expression ParseTuple(bool withCondition = true, bool isParenthesized = false, string? endName = null)
    {
        int offset = _tokens.Current.Offset;
        List<Expression> items = [];
        bool isTuple = false;
        while (!IsTupleEnd(endName))
        {
            items.Add(Parse(withCondition));
            if (!_tokens.SkipOperator(","))
                break;
            isTuple = true;
        }
        if (!isTuple && items.Count == 1)
            return items[0];
        if (items.Count == 0 && !isParenthesized)
            throw _tokens.Fail($"Expected an expression, got '{_tokens.Current.Description}'");
        return new SequenceExpression(offset, items, SequenceKind.Tuple);
    }

    private bool IsTupleEnd(string? endName) => _tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd
        || _tokens.Current.IsOperator(")") || (endName is not null && _tokens.Current.IsName(endName));

    private Expression ParseConditional()
    {
        int offset = _tokens.Current.Offset, unknownBefore = _context.UnknownCount;
        Expression expression = ParseOr();
        while (_tokens.SkipName("if"))
        {
            Expression condition = ParseOr();
            Expression? otherwise = _tokens.SkipName("else") ? Parse() : null;
            expression = new ConditionalExpression(offset, condition, expression, otherwise);
            _context.ForgetUnknownSince(unknownBefore);
        }
        return expression;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (_tokens.Current is var token && _tokens.SkipName("or"))
            left = new OrExpression(token.Offset, left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (_tokens.Current is var token && _tokens.SkipName("and"))
            left = new AndExpression(token.Offset, left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        int offset = _tokens.Current.Offset;
        if (!_tokens.SkipName("not"))
            return ParseComparison();
        _tokens.Enter();
        NotExpression negation = new(offset, ParseNot());
        _tokens.Leave();
        return negation;
    }

    private Expression ParseComparison()
    {
        int offset = _tokens.Current.Offset;
        Expression first = ParseSum();
        List<(Comparison, Expression)> rest = [];
        while (TryReadComparison() is { } symbol)
            rest.Add((CompareExpression.Symbols[symbol], ParseSum()));
        return rest.Count == 0 ? first : new CompareExpression(offset, first, rest);
    }

    private string? TryReadComparison()
    {
        Token token = _tokens.Current;
        if (token.Kind == TokenKind.Operator && Comparisons.Contains(token.Text))
            return _tokens.Next().Text;
        if (_tokens.SkipName("in"))
            return "in";
        if (!token.IsName("not") || !_tokens.Following.IsName("in"))
            return null;
        _tokens.Next();
        _tokens.Next();
        return "not in";
    }

    private Expression ParseSum() => ParseBinary(Sums, ParseConcat);

    private Expression ParseConcat()
    {
        int offset = _tokens.Current.Offset;
        Expression first = ParseProduct();
        if (!_tokens.Current.IsOperator("~"))
            return first;
        List<Expression> operands = [first];
        while (_tokens.SkipOperator("~"))
            operands.Add(ParseProduct());
        return new ConcatExpression(offset, operands);
    }

    private Expression ParseProduct() => ParseBinary(Products, ParsePower);

    private Expression ParsePower() => ParseBinary(Powers, () => ParseSigned());

    private Expression ParseBinary(Dictionary<string, BinaryOperation> operations, Func<Expression> parseOperand)
    {
        Expression left = parseOperand();
        while (_tokens.Current is { Kind: TokenKind.Operator } token && operations.TryGetValue(token.Text, out BinaryOperation? operation))
        {
            _tokens.Next();
            left = new BinaryExpression(token.Offset, left, parseOperand(), operation);
        }
        return left;
    }

    private Expression ParseSigned(bool withFilters = true)
    {
        Token token = _tokens.Current;
        Expression operand;
        if (token.IsOperator("-") || token.IsOperator("+"))
        {
            _tokens.Next();
            _tokens.Enter();
            operand = new SignExpression(token.Offset, ParseSigned(withFilters: false), token.Text == "-");
            _tokens.Leave();
        }
        else
        {
            operand = Primaries.ParsePrimary();
        }
        operand = Primaries.ParsePostfix(operand);
        return withFilters ? Primaries.ParseFilters(operand) : operand;
    }
}
