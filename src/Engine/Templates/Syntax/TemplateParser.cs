namespace Tessera.Templates;

/// <summary>Parses text and tags into statements (Jinja2 3.1.6, parser.py, with the loopcontrols and generation tags).</summary>
internal sealed class TemplateParser
{
    private readonly TokenStream _tokens;
    private readonly ParserContext _context = new();
    private readonly ExpressionParser _expressions;
    private readonly TargetParser _targets;

    private TemplateParser(TokenStream tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens, _context);
        _targets = new TargetParser(tokens);
    }

    /// <summary>The statements of a normalized template.</summary>
    public static Body Parse(string normalizedSource)
    {
        TemplateParser parser = new(new TokenStream(TemplateLexer.Tokenize(normalizedSource)));
        Body body = parser.ParseUntil();
        parser._context.RequireAllKnown();
        return body;
    }

    /// <summary>Statements up to a tag of one of these names, which stays unread; up to the end of the template without names.</summary>
    private Body ParseUntil(params string[] endNames)
    {
        _tokens.Enter();
        List<Statement> statements = [];
        while (true)
        {
            Token token = _tokens.Current;
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new TextStatement(token.Offset, _tokens.Next().Text));
                    break;
                case TokenKind.VariableBegin:
                    _tokens.Next();
                    statements.Add(new PrintStatement(token.Offset, [_expressions.ParseTuple()]));
                    _tokens.Require(TokenKind.VariableEnd, "the end of the print tag");
                    break;
                case TokenKind.BlockBegin:
                    _tokens.Next();
                    if (endNames.Any(_tokens.Current.IsName))
                    {
                        _tokens.Leave();
                        return new Body(statements);
                    }
                    statements.Add(ParseStatement());
                    _tokens.Require(TokenKind.BlockEnd, "the end of the tag");
                    break;
                default:
                    if (endNames.Length > 0)
                        throw _tokens.Fail($"Unexpected end of template: looking for '{string.Join("' or '", endNames)}'");
                    _tokens.Leave();
                    return new Body(statements);
            }
        }
    }

    private Statement ParseStatement()
    {
        Token tag = _tokens.RequireName();
        return tag.Text switch
        {
            "if" => ParseIf(tag.Offset),
            "for" => ParseFor(tag.Offset),
            "set" => ParseSet(tag.Offset),
            "macro" => ParseMacro(tag.Offset),
            "call" => ParseCall(tag.Offset),
            "filter" => ParseFilterBlock(tag.Offset),
            "with" => ParseWith(tag.Offset),
            "print" => ParsePrint(tag.Offset),
            "generation" => new ScopeStatement(tag.Offset, _context.InFunction(() => ParseBody("endgeneration")), seesOnlyRoot: false),
            "block" => ParseBlock(tag.Offset),
            "break" => ParseJump(tag, Flow.Break),
            "continue" => ParseJump(tag, Flow.Continue),
            "include" or "import" or "from" or "extends" =>
                throw new TemplateFault($"'{tag.Text}' is not supported: a chat template is one file") { Offset = tag.Offset },
            _ => throw new TemplateFault($"Encountered unknown tag '{tag.Text}'.") { Offset = tag.Offset },
        };
    }

    /// <summary>The rest of an opening tag, the body, and the name of the closing tag.</summary>
    private Body ParseBody(string endName)
    {
        Body body = OpenBody(endName);
        _tokens.Next();
        return body;
    }

    /// <summary>The rest of an opening tag and the body, up to a tag of one of these names.</summary>
    private Body OpenBody(params string[] endNames)
    {
        _tokens.SkipOperator(":");
        _tokens.Require(TokenKind.BlockEnd, "the end of the tag");
        return ParseUntil(endNames);
    }

    private IfStatement ParseIf(int offset) => _context.InCondition(() =>
    {
        List<(Expression, Body)> branches = [];
        while (true)
        {
            Expression condition = _expressions.ParseTuple(withCondition: false);
            branches.Add((condition, OpenBody("elif", "else", "endif")));
            Token end = _tokens.Next();
            if (!end.IsName("elif"))
                return new IfStatement(offset, branches, end.IsName("else") ? ParseBody("endif") : Body.Empty);
        }
    });

    private ForStatement ParseFor(int offset)
    {
        AssignTarget target = _targets.Parse(withNamespace: false, "in");
        _tokens.RequireName("in");
        Expression source = _expressions.ParseTuple(withCondition: false, endName: "recursive");
        Expression? filter = _tokens.SkipName("if") ? _expressions.Parse() : null;
        bool isRecursive = _tokens.SkipName("recursive");
        Body body = _context.InLoop(() => OpenBody("endfor", "else"));
        Body otherwise = _tokens.Next().IsName("else") ? _context.InBlock(() => ParseBody("endfor")) : Body.Empty;
        return new ForStatement(offset, target, source, filter, body, otherwise, isRecursive);
    }

    private Statement ParseSet(int offset)
    {
        AssignTarget target = _targets.Parse(withNamespace: true);
        if (_tokens.SkipOperator("="))
            return new SetStatement(offset, target, _expressions.ParseTuple());
        FilterExpression? filter = null;
        while (_tokens.SkipOperator("|"))
            filter = _expressions.Primaries.ParseFilter(filter);
        return new SetBlockStatement(offset, target, filter, _context.InBlock(() => ParseBody("endset")));
    }

    private MacroStatement ParseMacro(int offset)
    {
        string name = _targets.ParseName();
        return new MacroStatement(offset, ParseDefinition(name, _targets.ParseSignature(_expressions), "endmacro"));
    }

    private CallBlockStatement ParseCall(int offset)
    {
        List<(string, Expression?)> parameters = _tokens.Current.IsOperator("(") ? _targets.ParseSignature(_expressions) : [];
        CallExpression call = _expressions.Parse() as CallExpression
            ?? throw new TemplateFault("expected call") { Offset = offset };
        return new CallBlockStatement(offset, ParseDefinition("caller", parameters, "endcall"), call);
    }

    private MacroDefinition ParseDefinition(string name, List<(string, Expression?)> parameters, string endName)
    {
        (Body body, SpecialNames mentions) = _context.InMacro(() => ParseBody(endName));
        return new MacroDefinition(name, parameters, body, mentions);
    }

    private FilterBlockStatement ParseFilterBlock(int offset)
    {
        FilterExpression filter = _expressions.Primaries.ParseFilter(null);
        while (_tokens.SkipOperator("|"))
            filter = _expressions.Primaries.ParseFilter(filter);
        return new FilterBlockStatement(offset, filter, _context.InBlock(() => ParseBody("endfilter")));
    }

    private WithStatement ParseWith(int offset)
    {
        List<(AssignTarget, Expression)> assignments = [];
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0)
                _tokens.RequireOperator(",");
            AssignTarget target = _targets.Parse(withNamespace: false);
            _tokens.RequireOperator("=");
            assignments.Add((target, _expressions.Parse()));
        }
        return new WithStatement(offset, assignments, _context.InBlock(() => ParseBody("endwith")));
    }

    private PrintStatement ParsePrint(int offset)
    {
        List<Expression> expressions = [];
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (expressions.Count > 0)
                _tokens.RequireOperator(",");
            expressions.Add(_expressions.Parse());
        }
        return new PrintStatement(offset, expressions);
    }

    private ScopeStatement ParseBlock(int offset)
    {
        string name = _tokens.RequireName().Text;
        bool isScoped = _tokens.SkipName("scoped");
        Body body = _context.InFunction(() => ParseBody("endblock"));
        _tokens.SkipName(name);
        return new ScopeStatement(offset, body, seesOnlyRoot: !isScoped);
    }

    private JumpStatement ParseJump(Token tag, Flow flow) => _context.IsInLoop
        ? new JumpStatement(tag.Offset, flow)
        : throw new TemplateFault($"'{tag.Text}' outside loop") { Offset = tag.Offset };
}
