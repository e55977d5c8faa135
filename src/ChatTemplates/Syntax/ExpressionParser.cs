namespace Tessera.ChatTemplates;

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

    private readonly TokenStream tokens;
    private readonly ParserContext context;

    public ExpressionParser(TokenStream tokens, ParserContext context)
    {
        this.tokens = tokens;
        this.context = context;
        Primaries = new PrimaryParser(tokens, context, this);
    }

    public PrimaryParser Primaries { get; }

    /// <summary>An expression, with <c>a if b else c</c> unless the place forbids it.</summary>
    public Expression Parse(bool withCondition = true)
    {
        tokens.Enter();
        Expression expression = withCondition ? ParseConditional() : ParseOr();
        tokens.Leave();
        return expression;
    }

    /// <summary>An expression, or several with commas between them, which make a tuple.</summary>
    public Expression ParseTuple(bool withCondition = true, bool isParenthesized = false, string? endName = null)
    {
        int offset = tokens.Current.Offset;
        List<Expression> items = [];
        bool isTuple = false;
        while (!IsTupleEnd(endName))
        {
            items.Add(Parse(withCondition));
            if (!tokens.SkipOperator(","))
                break;
            isTuple = true;
        }
        if (!isTuple && items.Count == 1)
            return items[0];
        if (items.Count == 0 && !isParenthesized)
            throw tokens.Fail($"Expected an expression, got '{tokens.Current.Description}'");
        return new SequenceExpression(offset, items, SequenceKind.Tuple);
    }

    private bool IsTupleEnd(string? endName) =>
        tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd
        || tokens.Current.IsOperator(")")
        || (endName is not null && tokens.Current.IsName(endName));

    private Expression ParseConditional()
    {
        int offset = tokens.Current.Offset,
            unknownBefore = context.UnknownCount;
        Expression expression = ParseOr();
        while (tokens.SkipName("if"))
        {
            Expression condition = ParseOr();
            Expression? otherwise = tokens.SkipName("else") ? Parse() : null;
            expression = new ConditionalExpression(offset, condition, expression, otherwise);
            context.ForgetUnknownSince(unknownBefore);
        }
        return expression;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (tokens.Current is var token && tokens.SkipName("or"))
            left = new OrExpression(token.Offset, left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (tokens.Current is var token && tokens.SkipName("and"))
            left = new AndExpression(token.Offset, left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        int offset = tokens.Current.Offset;
        if (!tokens.SkipName("not"))
            return ParseComparison();
        tokens.Enter();
        NotExpression negation = new(offset, ParseNot());
        tokens.Leave();
        return negation;
    }

    private Expression ParseComparison()
    {
        int offset = tokens.Current.Offset;
        Expression first = ParseSum();
        List<(Comparison, Expression)> rest = [];
        while (TryReadComparison() is { } symbol)
            rest.Add((CompareExpression.Symbols[symbol], ParseSum()));
        return rest.Count == 0 ? first : new CompareExpression(offset, first, rest);
    }

    private string? TryReadComparison()
    {
        Token token = tokens.Current;
        if (token.Kind == TokenKind.Operator && Comparisons.Contains(token.Text))
            return tokens.Next().Text;
        if (tokens.SkipName("in"))
            return "in";
        if (!token.IsName("not") || !tokens.Following.IsName("in"))
            return null;
        tokens.Next();
        tokens.Next();
        return "not in";
    }

    private Expression ParseSum() => ParseBinary(Sums, ParseConcat);

    private Expression ParseConcat()
    {
        int offset = tokens.Current.Offset;
        Expression first = ParseProduct();
        if (!tokens.Current.IsOperator("~"))
            return first;
        List<Expression> operands = [first];
        while (tokens.SkipOperator("~"))
            operands.Add(ParseProduct());
        return new ConcatExpression(offset, operands);
    }

    private Expression ParseProduct() => ParseBinary(Products, ParsePower);

    private Expression ParsePower() => ParseBinary(Powers, () => ParseSigned());

    private Expression ParseBinary(Dictionary<string, BinaryOperation> operations, Func<Expression> parseOperand)
    {
        Expression left = parseOperand();
        while (tokens.Current is { Kind: TokenKind.Operator } token && operations.TryGetValue(token.Text, out BinaryOperation? operation))
        {
            tokens.Next();
            left = new BinaryExpression(token.Offset, left, parseOperand(), operation);
        }
        return left;
    }

    private Expression ParseSigned(bool withFilters = true)
    {
        Token token = tokens.Current;
        Expression operand;
        if (token.IsOperator("-") || token.IsOperator("+"))
        {
            tokens.Next();
            tokens.Enter();
            operand = new SignExpression(token.Offset, ParseSigned(withFilters: false), token.Text == "-");
            tokens.Leave();
        }
        else
        {
            operand = Primaries.ParsePrimary();
        }
        operand = Primaries.ParsePostfix(operand);
        return withFilters ? Primaries.ParseFilters(operand) : operand;
    }
}
