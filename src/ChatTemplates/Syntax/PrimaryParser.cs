namespace Tessera.ChatTemplates;

/// <summary>Parses literals and names, and what follows them: attributes, items, calls, filters and tests.</summary>
internal sealed class PrimaryParser(TokenStream tokens, ParserContext context, ExpressionParser expressions)
{
    public Expression ParsePrimary()
    {
        Token token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                return NameOrConstant(token);
            case TokenKind.String:
                return new ConstantExpression(token.Offset, new StringValue(ReadStrings()));
            case TokenKind.Integer:
                tokens.Next();
                return new ConstantExpression(token.Offset, new IntegerValue(token.Integer));
            case TokenKind.Float:
                tokens.Next();
                return new ConstantExpression(token.Offset, new FloatValue(token.Float));
            default:
                return ParseBracketed(token);
        }
    }

    /// <summary>Attributes, items and calls behind a value.</summary>
    public Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.SkipOperator("."))
                value = ParseAttribute(value, token.Offset);
            else if (tokens.SkipOperator("["))
                value = ParseItem(value, token.Offset);
            else if (token.IsOperator("("))
                value = new CallExpression(token.Offset, value, ParseArguments());
            else
                return value;
        }
    }

    /// <summary>Filters, tests and calls behind a value.</summary>
    public Expression ParseFilters(Expression value)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.SkipOperator("|"))
                value = ParseFilter(value);
            else if (tokens.SkipName("is"))
                value = ParseTest(value, token.Offset);
            else if (token.IsOperator("("))
                value = new CallExpression(token.Offset, value, ParseArguments());
            else
                return value;
        }
    }

    /// <summary>One filter with its arguments; the bar before it has been read.</summary>
    public FilterExpression ParseFilter(Expression? input)
    {
        int offset = tokens.Current.Offset;
        string name = ReadDottedName();
        if (FilterTable.Find(name) is null)
            context.ReportUnknown($"No filter named '{name}'.", offset);
        return new FilterExpression(offset, input, name, tokens.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty);
    }

    public ArgumentList ParseArguments()
    {
        tokens.RequireOperator("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? star = null,
            doubleStar = null;
        while (!tokens.Current.IsOperator(")"))
        {
            if (doubleStar is not null || (star is not null && !tokens.Current.IsOperator("**") && !IsNamedArgument()))
                throw tokens.Fail("invalid syntax for function call expression");
            if (tokens.SkipOperator("*"))
                star = expressions.Parse();
            else if (tokens.SkipOperator("**"))
                doubleStar = expressions.Parse();
            else if (IsNamedArgument())
                named.Add(ParseNamedArgument());
            else if (named.Count > 0)
                throw tokens.Fail("invalid syntax for function call expression");
            else
                positional.Add(expressions.Parse());
            if (!tokens.SkipOperator(","))
                break;
        }
        tokens.RequireOperator(")");
        return new ArgumentList(positional, named, star, doubleStar);
    }

    private bool IsNamedArgument() => tokens.Current.Kind == TokenKind.Name && tokens.Following.IsOperator("=");

    private (string, Expression) ParseNamedArgument()
    {
        string name = tokens.Next().Text;
        tokens.Next();
        return (name, expressions.Parse());
    }

    private Expression NameOrConstant(Token token)
    {
        TemplateValue? constant = token.Text switch
        {
            "true" or "True" => TemplateValue.From(true),
            "false" or "False" => TemplateValue.From(false),
            "none" or "None" => TemplateValue.None,
            _ => null,
        };
        if (constant is not null)
            return new ConstantExpression(token.Offset, constant);
        context.Mention(token.Text);
        return new NameExpression(token.Offset, token.Text);
    }

    private string ReadStrings()
    {
        string text = tokens.Next().Text;
        while (tokens.Current.Kind == TokenKind.String)
            text += tokens.Next().Text;
        return text;
    }

    private Expression ParseBracketed(Token token)
    {
        if (tokens.SkipOperator("("))
        {
            Expression inner = expressions.ParseTuple(isParenthesized: true);
            tokens.RequireOperator(")");
            return inner;
        }
        if (tokens.SkipOperator("["))
            return new SequenceExpression(token.Offset, ParseUntil("]", () => expressions.Parse()), SequenceKind.List);
        if (tokens.SkipOperator("{"))
            return new MapExpression(token.Offset, ParseUntil("}", ParseEntry));
        throw tokens.Fail($"unexpected '{token.Description}'");
    }

    private List<T> ParseUntil<T>(string closing, Func<T> parse)
    {
        List<T> items = [];
        while (!tokens.Current.IsOperator(closing))
        {
            items.Add(parse());
            if (!tokens.SkipOperator(","))
                break;
        }
        tokens.RequireOperator(closing);
        return items;
    }

    private (Expression, Expression) ParseEntry()
    {
        Expression key = expressions.Parse();
        tokens.RequireOperator(":");
        return (key, expressions.Parse());
    }

    private Expression ParseAttribute(Expression owner, int offset)
    {
        Token name = tokens.Next();
        return name.Kind switch
        {
            TokenKind.Name => new AttributeExpression(offset, owner, name.Text),
            TokenKind.Integer => new ItemExpression(offset, owner, new ConstantExpression(name.Offset, new IntegerValue(name.Integer))),
            _ => throw new TemplateFault("expected name or number") { Offset = name.Offset },
        };
    }

    private Expression ParseItem(Expression owner, int offset)
    {
        Expression? start = tokens.Current.IsOperator(":") ? null : expressions.ParseTuple();
        if (!tokens.Current.IsOperator(":"))
        {
            tokens.RequireOperator("]");
            return new ItemExpression(offset, owner, start!);
        }
        tokens.Next();
        Expression? stop = ParseSlicePart();
        Expression? step = tokens.SkipOperator(":") ? ParseSlicePart() : null;
        tokens.RequireOperator("]");
        return new SliceExpression(offset, owner, new SliceParts(start, stop, step));
    }

    private Expression? ParseSlicePart() => tokens.Current.IsOperator(":") || tokens.Current.IsOperator("]") ? null : expressions.Parse();

    private Expression ParseTest(Expression value, int offset)
    {
        bool isNegated = tokens.SkipName("not");
        int nameOffset = tokens.Current.Offset;
        string name = ReadDottedName();
        if (TestTable.Find(name) is null)
            context.ReportUnknown($"No test named '{name}'.", nameOffset);
        ArgumentList arguments = tokens.Current.IsOperator("(") ? ParseArguments() : ParseBareArgument();
        TestExpression test = new(offset, value, name, arguments);
        return isNegated ? new NotExpression(offset, test) : test;
    }

    /// <summary>The argument of a test without brackets, as in <c>x is divisibleby 3</c>.</summary>
    private ArgumentList ParseBareArgument()
    {
        Token token = tokens.Current;
        bool isArgument =
            token.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float
            || token.IsOperator("[")
            || token.IsOperator("{");
        if (!isArgument || token.IsName("else") || token.IsName("or") || token.IsName("and"))
            return ArgumentList.Empty;
        if (token.IsName("is"))
            throw tokens.Fail("You cannot chain multiple tests with is");
        return new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
    }

    private string ReadDottedName()
    {
        string name = tokens.RequireName().Text;
        while (tokens.SkipOperator("."))
            name += "." + tokens.RequireName().Text;
        return name;
    }
}
