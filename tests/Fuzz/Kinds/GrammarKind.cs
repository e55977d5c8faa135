using System.Text;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>GBNF grammars, which an answer then follows.</summary>
internal sealed class GrammarKind : AnswerFormatKind
{
    private static readonly string[] Sound =
    [
        """
            root ::= "yes" | "no"
            """,
        """
            root ::= object
            value ::= object | array | string | "true" | "null"
            object ::= "{" (string ":" value ("," string ":" value)*)? "}"
            array ::= "[" (value ("," value)*)? "]"
            string ::= "\"" [^"\\]* "\""
            """,
        """
            root ::= (expr "=" ws term "\n")+
            expr ::= term ([-+*/] term)*
            term ::= ident | num | "(" ws expr ")" ws
            ident ::= [a-z] [a-z0-9_]* ws
            num ::= [0-9]+ ws
            ws ::= [ \t\n]*
            """,
        """
            # a comment
            root ::= a{2,5} b{3} c{1,} .
            a ::= "\x41" | "\u00e9" | [\U0001F600-\U0001F64F]
            b ::= [^a-z\]\-]
            c ::= a b? | (a | b)*
            """,
    ];

    private static readonly string[] Words =
    [
        "::=",
        "|",
        "(",
        ")",
        "*",
        "+",
        "?",
        "{1,3}",
        "{16384}",
        "{0,}",
        "{9999999999}",
        "{3,1}",
        "{,}",
        "[a-z]",
        "[^",
        "]",
        "\"",
        "\"a\"",
        "\"\"",
        "root",
        "value",
        "\n",
        "\n\n",
        "a ::= a\n",
        "a ::= \"\" a\n",
        "a ::= b\nb ::= a\n",
        "root ::= ",
        "(a*)*",
        "(\"\"?)+",
        "((((a{9}){9}){9}){9}){9}",
        ".",
        "#",
        "\\x",
        "\\u12",
        "\\U00110000",
        "\\xff",
        "[\\xff]",
        "[z-a]",
        "[a-]",
        "<[12]>",
        "!<think>",
        "<tool_call>",
        "a-b",
        "_",
        "\r\n",
        "::",
        "\\",
        "[^\\x00-\\U0010FFFF]",
        "[\\x00-\\U0010FFFF]",
    ];

    private readonly TextMutator mutator = new(
        Sound,
        Words,
        [("(", ")"), ("(", ")*"), ("(", ")?"), ("(", "){2}"), ("[", "]"), ("\"", "\""), ("a ", ""), ("a | ", "")]
    );

    public override string Name => "grammar";

    public override byte[] Make(Random random) =>
        random.OneIn(4) ? Encoding.UTF8.GetBytes(GrammarWriter.Write(random)) : mutator.Make(random);

    public override Task<bool> TryAsync(byte[] input) => AnswerAsync(AnswerFormat.FromGrammar(Encoding.UTF8.GetString(input)));
}
