namespace Tessera.ChatTemplates;

/// <summary>Parses what is assigned to: names, namespace attributes and tuples of them.</summary>
internal sealed class TargetParser(TokenStream tokens)
{
    private static readonly string[] Constants = ["true", "false", "none", "True", "False", "None"];

    /// <summary>A target, or several with commas between them.</summary>
    public AssignTarget Parse(bool withNamespace, string? endName = null)
    {
        List<AssignTarget> targets = [];
        bool isTuple = false;
        while (!IsEnd(endName))
        {
            targets.Add(ParseOne(withNamespace));
            if (!tokens.SkipOperator(","))
                break;
            isTuple = true;
        }
        if (targets.Count == 0)
            throw tokens.Fail($"Expected an expression, got '{tokens.Current.Description}'");
        return isTuple ? new TupleTarget(targets) : targets[0];
    }

    /// <summary>A single name.</summary>
    public string ParseName()
    {
        Token token = tokens.RequireName();
        if (Constants.Contains(token.Text))
            throw new TemplateFault($"can't assign to '{token.Text}'") { Offset = token.Offset };
        return token.Text;
    }

    /// <summary>A macro's parameters in brackets, with their defaults.</summary>
    public List<(string Name, Expression? Default)> ParseSignature(ExpressionParser expressions)
    {
        List<(string Name, Expression? Default)> parameters = [];
        tokens.RequireOperator("(");
        while (!tokens.Current.IsOperator(")"))
        {
            string name = ParseName();
            Expression? fallback = tokens.SkipOperator("=") ? expressions.Parse() : null;
            if (fallback is null && parameters.Any(parameter => parameter.Default is not null))
                throw tokens.Fail("non-default argument follows default argument");
            parameters.Add((name, fallback));
            if (!tokens.Current.IsOperator(")"))
                tokens.RequireOperator(",");
        }
        tokens.RequireOperator(")");
        return parameters;
    }

    private bool IsEnd(string? endName) =>
        tokens.Current.Kind is TokenKind.BlockEnd or TokenKind.VariableEnd
        || tokens.Current.IsOperator(")")
        || tokens.Current.IsOperator("=")
        || (endName is not null && tokens.Current.IsName(endName));

    private AssignTarget ParseOne(bool withNamespace)
    {
        if (tokens.SkipOperator("("))
        {
            tokens.Enter();
            AssignTarget inner = Parse(withNamespace);
            tokens.Leave();
            tokens.RequireOperator(")");
            return inner;
        }
        if (tokens.Current.Kind != TokenKind.Name)
            throw tokens.Fail($"can't assign to '{tokens.Current.Description}'");
        string name = ParseName();
        return withNamespace && tokens.SkipOperator(".") ? new NamespaceTarget(name, tokens.RequireName().Text) : new NameTarget(name);
    }
}
