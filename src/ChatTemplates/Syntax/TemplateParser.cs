namespace Tessera.ChatTemplates;

/// <summary>Parses text and tags into statements (Jinja2 3.1.6, parser.py, with the loopcontrols and generation tags).</summary>
internal sealed class TemplateParser
{
    private readonly TokenStream tokens;
    private readonly ParserContext context = new();
    private readonly ExpressionParser expressions;
    private readonly TargetParser targets;

    private TemplateParser(TokenStream tokens)
    {
        this.tokens = tokens;
        expressions = new ExpressionParser(tokens, context);
        targets = new TargetParser(tokens);
    }

    /// <summary>The statements of a normalized template.</summary>
    public static Body Parse(string normalizedSource)
    {
        TemplateParser parser = new(new TokenStream(TemplateLexer.Tokenize(normalizedSource)));
        Body body = parser.ParseUntil();
        parser.context.RequireAllKnown();
        return body;
    }

    /// <summary>Statements up to a tag of one of these names, which stays unread; up to the end of the template without names.</summary>
    private Body ParseUntil(params string[] endNames)
    {
        tokens.Enter();
        List<Statement> statements = [];
        while (true)
        {
            Token token = tokens.Current;
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new TextStatement(token.Offset, tokens.Next().Text));
                    break;
                case TokenKind.VariableBegin:
                    tokens.Next();
                    statements.Add(new PrintStatement(token.Offset, [expressions.ParseTuple()]));
                    tokens.Require(TokenKind.VariableEnd, "the end of the print tag");
                    break;
                case TokenKind.BlockBegin:
                    tokens.Next();
                    if (endNames.Any(tokens.Current.IsName))
                    {
                        tokens.Leave();
                        return new Body(statements);
                    }
                    statements.Add(ParseStatement());
                    tokens.Require(TokenKind.BlockEnd, "the end of the tag");
                    break;
                default:
                    if (endNames.Length > 0)
                        throw tokens.Fail($"Unexpected end of template: looking for '{string.Join("' or '", endNames)}'");
                    tokens.Leave();
                    return new Body(statements);
            }
        }
    }

    private Statement ParseStatement()
    {
        Token tag = tokens.RequireName();
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
            "generation" => new ScopeStatement(tag.Offset, context.InFunction(() => ParseBody("endgeneration")), seesOnlyRoot: false),
            "block" => ParseBlock(tag.Offset),
            "break" => ParseJump(tag, Flow.Break),
            "continue" => ParseJump(tag, Flow.Continue),
            "include" or "import" or "from" or "extends" => throw new TemplateFault(
                $"'{tag.Text}' is not supported: a chat template is one file"
            )
            {
                Offset = tag.Offset,
            },
            _ => throw new TemplateFault($"Encountered unknown tag '{tag.Text}'.") { Offset = tag.Offset },
        };
    }

    /// <summary>The rest of an opening tag, the body, and the name of the closing tag.</summary>
    private Body ParseBody(string endName)
    {
        Body body = OpenBody(endName);
        tokens.Next();
        return body;
    }

    /// <summary>The rest of an opening tag and the body, up to a tag of one of these names.</summary>
    private Body OpenBody(params string[] endNames)
    {
        tokens.SkipOperator(":");
        tokens.Require(TokenKind.BlockEnd, "the end of the tag");
        return ParseUntil(endNames);
    }

    private IfStatement ParseIf(int offset) =>
        context.InCondition(() =>
        {
            List<(Expression, Body)> branches = [];
            while (true)
            {
                Expression condition = expressions.ParseTuple(withCondition: false);
                branches.Add((condition, OpenBody("elif", "else", "endif")));
                Token end = tokens.Next();
                if (!end.IsName("elif"))
                    return new IfStatement(offset, branches, end.IsName("else") ? ParseBody("endif") : Body.Empty);
            }
        });

    private ForStatement ParseFor(int offset)
    {
        AssignTarget target = targets.Parse(withNamespace: false, "in");
        tokens.RequireName("in");
        Expression source = expressions.ParseTuple(withCondition: false, endName: "recursive");
        Expression? filter = tokens.SkipName("if") ? expressions.Parse() : null;
        bool isRecursive = tokens.SkipName("recursive");
        Body body = context.InLoop(() => OpenBody("endfor", "else"));
        Body otherwise = tokens.Next().IsName("else") ? context.InBlock(() => ParseBody("endfor")) : Body.Empty;
        return new ForStatement(offset, target, source, filter, body, otherwise, isRecursive);
    }

    private Statement ParseSet(int offset)
    {
        AssignTarget target = targets.Parse(withNamespace: true);
        if (tokens.SkipOperator("="))
            return new SetStatement(offset, target, expressions.ParseTuple());
        FilterExpression? filter = null;
        while (tokens.SkipOperator("|"))
            filter = expressions.Primaries.ParseFilter(filter);
        return new SetBlockStatement(offset, target, filter, context.InBlock(() => ParseBody("endset")));
    }

    private MacroStatement ParseMacro(int offset)
    {
        string name = targets.ParseName();
        return new MacroStatement(offset, ParseDefinition(name, targets.ParseSignature(expressions), "endmacro"));
    }

    private CallBlockStatement ParseCall(int offset)
    {
        List<(string, Expression?)> parameters = tokens.Current.IsOperator("(") ? targets.ParseSignature(expressions) : [];
        CallExpression call = expressions.Parse() as CallExpression ?? throw new TemplateFault("expected call") { Offset = offset };
        return new CallBlockStatement(offset, ParseDefinition("caller", parameters, "endcall"), call);
    }

    private MacroDefinition ParseDefinition(string name, List<(string, Expression?)> parameters, string endName)
    {
        (Body body, SpecialNames mentions) = context.InMacro(() => ParseBody(endName));
        return new MacroDefinition(name, parameters, body, mentions);
    }

    private FilterBlockStatement ParseFilterBlock(int offset)
    {
        FilterExpression filter = expressions.Primaries.ParseFilter(null);
        while (tokens.SkipOperator("|"))
            filter = expressions.Primaries.ParseFilter(filter);
        return new FilterBlockStatement(offset, filter, context.InBlock(() => ParseBody("endfilter")));
    }

    private WithStatement ParseWith(int offset)
    {
        List<(AssignTarget, Expression)> assignments = [];
        while (tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0)
                tokens.RequireOperator(",");
            AssignTarget target = targets.Parse(withNamespace: false);
            tokens.RequireOperator("=");
            assignments.Add((target, expressions.Parse()));
        }
        return new WithStatement(offset, assignments, context.InBlock(() => ParseBody("endwith")));
    }

    private PrintStatement ParsePrint(int offset)
    {
        List<Expression> expressions = [];
        while (tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (expressions.Count > 0)
                tokens.RequireOperator(",");
            expressions.Add(this.expressions.Parse());
        }
        return new PrintStatement(offset, expressions);
    }

    private ScopeStatement ParseBlock(int offset)
    {
        string name = tokens.RequireName().Text;
        bool isScoped = tokens.SkipName("scoped");
        Body body = context.InFunction(() => ParseBody("endblock"));
        tokens.SkipName(name);
        return new ScopeStatement(offset, body, seesOnlyRoot: !isScoped);
    }

    private JumpStatement ParseJump(Token tag, Flow flow) =>
        context.IsInLoop
            ? new JumpStatement(tag.Offset, flow)
            : throw new TemplateFault($"'{tag.Text}' outside loop") { Offset = tag.Offset };
}
