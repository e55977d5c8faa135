using System.Numerics;

namespace Tessera.ChatTemplates;

internal enum TokenKind
{
    Data,
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    EndOfTemplate,
}

/// <summary>One token: its text (unescaped for strings), its number if it is one, and where it starts.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Offset, BigInteger Integer = default, double Float = 0)
{
    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public bool IsOperator(string symbol) => Kind == TokenKind.Operator && Text == symbol;

    /// <summary>How a message calls the token.</summary>
    public string Description =>
        Kind switch
        {
            TokenKind.EndOfTemplate => "end of template",
            TokenKind.BlockEnd => "end of statement block",
            TokenKind.VariableEnd => "end of print statement",
            TokenKind.BlockBegin => "begin of statement block",
            TokenKind.VariableBegin => "begin of print statement",
            TokenKind.Data => "template data / text",
            _ => Text,
        };
}
