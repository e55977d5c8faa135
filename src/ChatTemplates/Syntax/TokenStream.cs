namespace Tessera.ChatTemplates;

/// <summary>The tokens in order, and the depth to which expressions and blocks nest.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    private const int MaxDepth = 250;
    private int index;
    private int depth;

    public Token Current => tokens[index];

    /// <summary>The token after the current one.</summary>
    public Token Following => tokens[Math.Min(index + 1, tokens.Count - 1)];

    /// <summary>Returns the current token and goes on; the end of the template stays.</summary>
    public Token Next()
    {
        Token token = tokens[index];
        if (index + 1 < tokens.Count)
            index++;
        return token;
    }

    public bool SkipName(string name) => SkipIf(Current.IsName(name));

    public bool SkipOperator(string symbol) => SkipIf(Current.IsOperator(symbol));

    public Token Require(TokenKind kind, string what) =>
        Current.Kind == kind ? Next() : throw Fail($"expected {what}, got '{Current.Description}'");

    public Token RequireName() => Require(TokenKind.Name, "a name");

    public Token RequireName(string name) => Current.IsName(name) ? Next() : throw Fail($"expected '{name}', got '{Current.Description}'");

    public Token RequireOperator(string symbol) =>
        Current.IsOperator(symbol) ? Next() : throw Fail($"expected token '{symbol}', got '{Current.Description}'");

    public TemplateFault Fail(string problem) => new(problem) { Offset = Current.Offset };

    /// <summary>Enters a nested expression or block.</summary>
    public void Enter()
    {
        if (++depth > MaxDepth)
            throw Fail($"the template nests deeper than {MaxDepth} levels");
        RenderMeter.RequireStack();
    }

    public void Leave() => depth--;

    private bool SkipIf(bool condition)
    {
        if (condition)
            Next();
        return condition;
    }
}
