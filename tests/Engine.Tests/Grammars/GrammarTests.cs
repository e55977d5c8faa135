using Tessera.Grammars;

namespace Tessera.Engine.Tests.Grammars;

/// <summary>Grammars of the user's own are checked before llama.cpp sees them, which ends the process on some.</summary>
public sealed class GrammarTests
{
    [Theory]
    [InlineData("root ::= \"yes\" | \"no\"", "yes|no", "maybe|")]
    [InlineData("# answers\nroot ::= item+ # one or more\nitem ::= [a-c\\]x-] (\n \"1\" |\n \"2\"\n)?\n", "a|b1c2|]-", "d|1")]
    [InlineData("root ::= [^a-z\\n] .{2,3}", "Abc|Z!!!", "abc|Ab|Abcde")]
    [InlineData("root ::= \"\\x41\\u00e9\\\"\" list\nlist ::= \"(\" list* \")\"", "Aé\"()|Aé\"(()())", "Aé\"|Aé\"(")]
    [InlineData("root ::= \"a\"{1500} \"b\"{0,2500}", "@a1500|@a1500b2500|@a1500b999|@a1500b1000|@a1500b1001", "@a1499|@a1500b2501")]
    [InlineData("root ::= \"x\" | dead\ndead ::= \"y\" dead", "x", "y|yx")]
    public void A_grammar_keeps_its_meaning(string grammar, string allowed, string refused)
    {
        var matcher = new GbnfMatcher(AnswerFormat.FromGrammar(grammar).Grammar);
        foreach (string text in allowed.Split('|'))
            Assert.True(matcher.Matches(Long(text)), text);
        foreach (string text in refused.Split('|'))
            Assert.False(matcher.Matches(Long(text)), text);
    }

    [Theory]
    [InlineData("root ::= ((((((\"a\"){1,3}){1,3}){1,3}){1,3}){1,3}){1,3}", false)]
    [InlineData("root ::= x{1,20}\nx ::= (\"a\" b?){1,20} b?\nb ::= \"b\" | \"a\"", false)]
    [InlineData("root ::= (([a-z]{1,9} | \"aa\"){1,9} [ ]?){1,9}", false)]
    [InlineData("root ::= ((\"a\"{1,30} \" \"){1,30} \"\\n\"){1,30}", true)]
    [InlineData("root ::= \"[\" item (\",\" item){0,5000} \"]\"\nitem ::= [0-9]{1,15} (\".\" [0-9]{1,15})?", true)]
    [InlineData("root ::= ([a-z]{1,500} \" \"?){1,500}", false)]
    [InlineData("root ::= (\"a\" \"a\"?){1,5000}", true)]
    [InlineData("root ::= (\"a\" \"=\"?)++++++++++++++++++++++++++++++++++++++++", false)]
    [InlineData("root ::= ((((((((((([a-z]+)+)+)+)+)+)+)+)+)+)+)+", false)]
    [InlineData("root ::= (([a-z]+ \" \"?)+ \"\\n\"?)+", true)]
    [InlineData("root ::= ([a-z]{1,200} \" \"?)+", true)]
    public void Repetitions_that_fit_a_text_in_many_ways_are_refused(string grammar, bool isTaken)
    {
        if (isTaken)
            Assert.NotEmpty(AnswerFormat.FromGrammar(grammar).Grammar);
        else
            Assert.Contains(
                "too many ways",
                Assert.Throws<GrammarException>(() => AnswerFormat.FromGrammar(grammar)).Message,
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData("root ::= (\"a\"?){60}", true)]
    [InlineData("root ::= (\"a\"?){1000}", false)]
    [InlineData("root ::= (([^\"])* | [a-z]){0,100}", false)]
    [InlineData("root ::= \"[\" [0-9]{0,9000} \"]\"", true)]
    public void What_may_be_empty_is_not_repeated_often(string grammar, bool isTaken)
    {
        if (isTaken)
            Assert.NotEmpty(AnswerFormat.FromGrammar(grammar).Grammar);
        else
            Assert.Contains(
                "repeated too often",
                Assert.Throws<GrammarException>(() => AnswerFormat.FromGrammar(grammar)).Message,
                StringComparison.Ordinal
            );
    }

    [Fact]
    public void Repetitions_nest_as_brackets_do()
    {
        string grammar = $"root ::= \"a\"{string.Concat(Enumerable.Repeat("{1,3}", 2000))}";
        Assert.Contains(
            "nest more than",
            Assert.Throws<GrammarException>(() => AnswerFormat.FromGrammar(grammar)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Formats_stand_for_rules_that_a_grammar_does_not_define()
    {
        var parts = new Dictionary<string, AnswerFormat>
        {
            ["body"] = AnswerFormat.FromSchema(
                """{"type":"object","properties":{"n":{"type":"integer"},"next":{"$ref":"#"}},"required":["n"],"additionalProperties":false}"""
            ),
            ["word"] = AnswerFormat.FromGrammar("root ::= letter+\nletter ::= [a-z]"),
            ["unused"] = AnswerFormat.JsonObject,
        };
        var matcher = new GbnfMatcher(
            AnswerFormat.FromGrammar("root ::= \"<\" word \">\" body (\",\" body)?\nletter ::= \"L\"\n", parts).Grammar
        );
        foreach (string allowed in (string[])["<ab>{\"n\":1}", "<a>{\"n\": 1, \"next\": {\"n\": 2}},{\"n\":3}"])
            Assert.True(matcher.Matches(allowed), allowed);
        foreach (string refused in (string[])["<L>{\"n\":1}", "<a>{\"n\":\"x\"}", "<a>"])
            Assert.False(matcher.Matches(refused), refused);

        GrammarException missing = Assert.Throws<GrammarException>(() => AnswerFormat.FromGrammar("root ::= \"a\" other", parts));
        Assert.Equal((1, 14), (missing.Line, missing.Column));
        GrammarException twice = Assert.Throws<GrammarException>(() =>
            AnswerFormat.FromGrammar("root ::= word word-letter\nword-letter ::= \"a\"", parts)
        );
        Assert.Contains("word-letter", twice.Message);
    }

    [Theory]
    [InlineData("", 0, 0)]
    [InlineData("rot ::= \"a\"", 0, 0)]
    [InlineData("root ::= \"a\n", 1, 10)]
    [InlineData("root ::= \"a\" b\n", 1, 14)]
    [InlineData("root ::= \"a\"\nb = \"c\"", 2, 3)]
    [InlineData("root ::= \"a\"\nroot ::= \"b\"", 2, 1)]
    [InlineData("root ::= (\"a\"", 1, 10)]
    [InlineData("root ::= \"a\")", 1, 13)]
    [InlineData("root ::= *", 1, 10)]
    [InlineData("root ::= \"a\"{3,2}", 1, 13)]
    [InlineData("root ::= \"a\"{99999}", 1, 14)]
    [InlineData("root ::= []", 1, 10)]
    [InlineData("root ::= [z-a]", 1, 10)]
    [InlineData("root ::= \"\\q\"", 1, 11)]
    [InlineData("root ::= \"\\uD800\"", 1, 11)]
    [InlineData("root ::= <think>", 1, 10)]
    [InlineData("root ::= root \"a\" | \"b\"", 1, 1)]
    [InlineData("root ::= \"a\" c\nb ::= \"\"\nc ::= b c \"x\" | \"y\"", 3, 1)]
    [InlineData("root ::= \"a\" root", 1, 1)]
    [InlineData("root ::= (\"a\"?)*", 0, 0)]
    public async Task A_bad_grammar_is_refused_at_its_place(string grammar, int line, int column)
    {
        GrammarException failure = await Assert.ThrowsAsync<GrammarException>(() =>
            Task.Run(() => AnswerFormat.FromGrammar(grammar)).WaitAsync(Patience.Limit)
        );
        Assert.Equal((line, column), (failure.Line, failure.Column));
        Assert.EndsWith(".", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hostile_grammar_is_refused_soon()
    {
        string brackets = $"root ::= {new string('(', 100_000)}";
        string ways =
            string.Concat(
                Enumerable
                    .Range(0, 40)
                    .Select(static index => $"{(index == 0 ? "root" : $"r{index}")} ::= r{index + 1} \"a\" | r{index + 1} \"b\"\n")
            ) + "r40 ::= \"c\"\n";
        string row =
            string.Concat(Enumerable.Range(0, 9000).Select(static index => $"{(index == 0 ? "root" : $"r{index}")} ::= r{index + 1}\n"))
            + "r9000 ::= \"c\"\n";
        string growing =
            "root ::= ((((\"a\"{1000}){1000}){1000}){1000}){1000}" + string.Concat(Enumerable.Repeat(" \"abcdefgh\"{16000}", 60));
        foreach (string grammar in (string[])[brackets, ways, row, growing, new string('x', 1 << 20)])
            await Assert.ThrowsAsync<GrammarException>(() => Task.Run(() => AnswerFormat.FromGrammar(grammar)).WaitAsync(Patience.Limit));
    }

    private static string Long(string text) =>
        text.StartsWith('@')
            ? System.Text.RegularExpressions.Regex.Replace(
                text[1..],
                @"([a-z])(\d+)",
                static match => new string(
                    match.Groups[1].Value[0],
                    int.Parse(match.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture)
                )
            )
            : text;
}
