using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Answers in the formats of many models' templates, however they are cut.</summary>
public sealed class ToolCallFormatTests
{
    private const string R1 = "<｜tool▁calls▁begin｜>```json",
        V31 = "<｜tool▁calls▁begin｜>",
        Dsml = "｜DSML｜function_calls",
        Kimi = "<|tool_calls_section_begin|>",
        Solar = "<|tool_call:begin|>";
    private const string MiniMax = "<minimax:tool_call>",
        Seed = "<seed:tool_call>",
        MiniCpm = "<function name=\"<param name=\"",
        Gemma = "'<|tool_call>call:'",
        Lfm = "<|tool_call_start|>";
    private const string Harmony = "<|channel|>final<|message|><|call|>",
        Cohere = "<|START_ACTION|>",
        CommandR = "Action:\"tool_name\"",
        Apriel = "<tool_calls>[",
        Lines = "<tool_calls>";
    private const string Apertus = "<|tools_prefix|>",
        GigaChat = "<|function_call|>",
        Firefunction = "functools[",
        Granite = "<|tool_call|> JSON list of tools",
        Functionary = "<function=";

    public static TheoryData<string, string, string> Answers =>
        new()
        {
            {
                R1,
                "Let me see.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>sum\n```json\n{\"a\": 1, \"s\": "
                    + "\"}```\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                "text:Let me see.|sum(a=1,s=}```)|now()"
            },
            {
                V31,
                "<think>why</think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>sum<｜tool▁sep｜>{\"a\": [1, "
                    + "2]}<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                "thought:why|sum(a=[1, 2])|now()"
            },
            { V31, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>sum<｜tool▁sep｜>{\"a\": ", "sum!" },
            { V31, "<｜tool▁calls▁begin｜>Nothing", "text:<｜tool▁calls▁begin｜>Nothing" },
            {
                Dsml,
                "\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"sum\">\n<｜DSML｜parameter name=\"a\" "
                    + "string=\"true\">12</｜DSML｜parameter>\n<｜DSML｜parameter name=\"b\" "
                    + "string=\"false\">12</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke "
                    + "name=\"now\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
                "sum(a=12:text,b=12)|now()"
            },
            {
                Kimi,
                "I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.sum:0<|tool_call_argument_begin|>{\"a\": "
                    + "1}<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
                "text:I look.|sum(a=1)#functions.sum:0|now()#functions.now:1"
            },
            {
                Solar,
                "<|tool_calls|><|tool_call:begin|>x7y8z9<|tool_call:name|>sum<|tool_call:args|>{\"a\": 1}<|tool_call:end|>",
                "sum(a=1)#x7y8z9"
            },
            {
                MiniMax,
                "<minimax:tool_call>\n<invoke name=\"sum\">\n<parameter name=\"a\">1 < 2</parameter>\n<parameter "
                    + "name=\"b\">[\"x\"]</parameter>\n</invoke>\n<invoke name=\"now\">\n</invoke>\n</minimax:tool_call>",
                "sum(a=1 < 2,b=[\"x\"])|now()"
            },
            { MiniMax, "<minimax:tool_call>\n<invoke name=\"sum\">\n<parameter name=\"a\">1 < 2", "sum!" },
            {
                Seed,
                "<seed:tool_call>\n<function=sum>\n<parameter=a>x\ny</parameter>\n<parameter=o>{'k': [True, None, "
                    + "'v\"']}</parameter>\n</function>\n</seed:tool_call>",
                "sum(a=x\ny,o={\"k\":[true,null,\"v\\u0022\"]})"
            },
            {
                MiniCpm,
                "<function name=\"sum\"><param name=\"a\"><![CDATA[<b> & c]]></param><param name=\"n\">2</param></function>\n<function "
                    + "name=\"now\"></function>",
                "sum(a=<b> & c,n=2)|now()"
            },
            {
                Gemma,
                "Sure.<|tool_call>call:sum{a:<|\"|>x, "
                    + "\"y\"}<|\"|>,n:-2.5,o:{k:[true,<|\"|>z<|\"|>,null]}}<tool_call|><|tool_call>call:now{}<tool_call|>",
                "text:Sure.|sum(a=x, \"y\"},n=-2.5,o={\"k\":[true,\"z\",null]})|now()"
            },
            { Gemma, "<|tool_call>call:sum{a:<|\"|>never", "sum!" },
            {
                Lfm,
                "<|tool_call_start|>[a.sum(s=\"it's, ok)\", n=2, o={\"k\": True}), now()]<|tool_call_end|>Done",
                "a.sum(n=2,o={\"k\":true},s=it's, ok))|now()|text:Done"
            },
            { Lfm, "<|tool_call_start|>[sum(a='it\\'s \\n', b=None)]<|tool_call_end|>", "sum(a=it's \n,b=)" },
            { Lfm, "<|tool_call_start|>[sum(1, 2)]<|tool_call_end|>", "sum!" },
            { Lfm, "See [a](b) here", "text:See [a](b) here" },
            {
                Harmony,
                "<|channel|>analysis<|message|>Hm < 2 <|x|>.<|end|><|start|>assistant<|channel|>commentary<|message|>I "
                    + "look.<|end|><|start|>assistant<|channel|>commentary to=functions.sum <|constrain|>json<|message|>{\"a\": 1}<|call|>",
                "thought:Hm < 2 <|x|>.|text:I look.|sum(a=1)"
            },
            { Harmony, " to=functions.now<|channel|>analysis<|message|>{}", "now()" },
            {
                Harmony,
                "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>Two.<|return|>",
                "thought:Hm|text:Two."
            },
            { Harmony, "<|channel|>commentary to=functions.sum<|message|>{\"a\": ", "sum!" },
            { Harmony, "Just < text", "text:Just < text" },
            {
                Cohere,
                "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"sum\", \"parameters\": {\"a\": 1}},\n    "
                    + "{\"tool_call_id\": \"1\", \"tool_name\": \"now\", \"parameters\": {}}\n]<|END_ACTION|>",
                "sum(a=1)|now()"
            },
            {
                CommandR,
                "I look.\nAction:\n```json\n[\n    {\n        \"tool_name\": \"sum\",\n        \"parameters\": {\"a\": 1}\n    }\n]\n```",
                "text:I look.|sum(a=1)"
            },
            { CommandR, "Action: none", "text:Action: none" },
            {
                Apriel,
                "Here:\n<tool_calls>[{\"name\": \"sum\", \"arguments\": {\"a\": 1}, \"id\": \"a1b2c3d4e\"}, {\"name\": \"now\", "
                    + "\"arguments\": {}}]</tool_calls>",
                "text:Here:|sum(a=1)|now()"
            },
            {
                Lines,
                "<tool_calls>\n{\"name\": \"sum\", \"arguments\": {\"a\": 1}}\n{\"name\": \"now\", \"arguments\": {}}\n</tool_calls>Yes",
                "sum(a=1)|now()|text:Yes"
            },
            { Apertus, "<|tools_prefix|>[{\"sum\": {\"a\": 1}}, {\"now\": {}}]<|tools_suffix|>", "sum(a=1)|now()" },
            { GigaChat, "Now.<|function_call|>{\"name\": \"sum\", \"arguments\": {\"a\": 1}}", "text:Now.|sum(a=1)" },
            {
                Firefunction,
                " functools[{\"name\": \"sum\", \"arguments\": {\"a\": 1}}, {\"name\": \"now\", \"arguments\": {}}]",
                "sum(a=1)|now()"
            },
            { Firefunction, "functools are tools", "text:functools are tools" },
            { Granite, "<|tool_call|>[{\"name\": \"sum\", \"arguments\": {\"a\": 1}}]", "sum(a=1)" },
            { Functionary, "<function=sum>{\"a\": 1}</function>", "sum(a=1)" },
        };

    [Theory]
    [MemberData(nameof(Answers))]
    public void A_call_is_read_the_same_however_it_is_cut(string template, string answer, string expected)
    {
        foreach (List<AIContent> contents in AnswerReaderTests.ReadInPieces(template, answer))
            Assert.Equal(expected, AnswerReaderTests.Shown(contents, showsKinds: true));
    }

    [Fact]
    public void A_schema_says_what_is_text_where_calls_do_not()
    {
        var tools = new OfferedTools([AIFunctionFactory.Create((string zip, int count, string? note) => zip, "send")]);
        IAnswerReader reader = ToolCallFormat.Of("<tool_call><function=")!.CreateReader(null, isThinking: false, tools);
        IEnumerable<AIContent> contents = reader.Append(
            "<tool_call>\n<function=send>\n<parameter=zip>\n01234\n</parameter>\n<parameter=count>\n3\n</parameter>\n<parameter=note>\nnull\n</parameter>\n</function>\n</tool_call>"
        );
        Assert.Equal("send(count=3,note=,zip=01234:text)", AnswerReaderTests.Shown(contents, showsKinds: true));
    }

    [Fact]
    public void A_thought_is_known_by_the_marks_of_its_model()
    {
        IAnswerReader reader = ToolCallFormat
            .Of(Gemma)!
            .CreateReader(ThoughtMarks.Of("{{ '<channel|>' }}"), isThinking: false, OfferedTools.None);
        Assert.Equal(
            "thought:Hm|now()",
            AnswerReaderTests.Shown([
                .. reader.Append("<|channel>thought\nHm<channel|><|tool_call>call:now{}<tool_call|>"),
                .. reader.Finish(),
            ])
        );
    }

    [Fact]
    public void Calls_without_end_are_counted_and_deep_values_are_damage()
    {
        IAnswerReader many = ToolCallFormat.Of(V31)!.CreateReader(null, isThinking: false, OfferedTools.None);
        string call = "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>";
        IAnswerReader deep = ToolCallFormat.Of(Lfm)!.CreateReader(null, isThinking: false, OfferedTools.None);
        Assert.Equal(
            ToolCallFormat.MaxCallCount,
            many.Append("<｜tool▁calls▁begin｜>" + string.Concat(Enumerable.Repeat(call, 500)))
                .Concat(many.Finish())
                .OfType<FunctionCallContent>()
                .Count()
        );
        FunctionCallContent damaged = Assert.IsType<FunctionCallContent>(
            Assert.Single(deep.Append($"<|tool_call_start|>[f(a={new string('[', 100_000)})]<|tool_call_end|>"))
        );
        Assert.IsType<ToolCallFormatException>(damaged.Exception);
    }

    [Theory]
    [InlineData("<tool_call>", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"", "\"}}\n</tool_call>")]
    [InlineData(Harmony, "<|channel|>commentary to=functions.f<|message|>{\"a\": \"", "\"}<|call|>")]
    [InlineData("<tool_call><function=", "<tool_call>\n<function=f>\n<parameter=a>\n", "\n</parameter>\n</function>\n</tool_call>")]
    public void A_long_call_takes_no_square_of_its_length(string template, string start, string end)
    {
        IAnswerReader reader = ToolCallFormat.Of(template)!.CreateReader(null, isThinking: false, OfferedTools.None);
        long before = GC.GetAllocatedBytesForCurrentThread();
        reader.Append(start);
        for (int piece = 0; piece < 20_000; piece++)
            Assert.Empty(reader.Append("word "));
        var call = Assert.IsType<FunctionCallContent>(Assert.Single([.. reader.Append(end), .. reader.Finish()]));
        Assert.Equal(100_000, call.Arguments!["a"]!.ToString()!.Length);
        // Some 25 MB; copied at each piece it would be 4 GB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000_000);
    }

    [Fact]
    public void Words_alone_make_no_format()
    {
        // Its tags are Hermes's, and what stands between them is not.
        string other = TemplateSources.Hermes.Replace(
            "{\"name\": \"{{ call.function.name }}\", \"arguments\": {{ call.function.arguments | tojson }}}",
            "{{ call.function.name }} with {{ call.function.arguments | tojson }}",
            StringComparison.Ordinal
        );
        var traits = new TemplateTraits(TemplateSources.Parse(other));
        Assert.True(traits is { TakesTools: true, TakesCalls: true, Format: null });
    }

    [Fact]
    public void Tools_are_told_by_all_names_that_templates_have_for_them()
    {
        // As SmolLM3's and Firefunction's own templates do.
        const string Messages = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";
        var smol = new TemplateTraits(
            TemplateSources.Parse(
                "{% if xml_tools %}{% for t in xml_tools %}{{ t | string }}{% endfor %} Write <tool_call>{}</tool_call>.{% endif %}"
                    + Messages
            )
        );
        Assert.True(smol is { TakesTools: true, TakesCalls: false, Format: JsonCallFormat { Opening: "<tool_call>" } });
        var fire = new TemplateTraits(TemplateSources.Parse("{{ functions + datetime }} Write functools[...]." + Messages));
        Assert.True(fire is { TakesTools: true, TakesCalls: false, Format: JsonCallFormat { Opening: "functools" } });
    }

    [Fact]
    public async Task Calls_that_a_template_does_not_print_are_part_of_the_text()
    {
        string told = TemplateSources
            .Hermes.Replace("{%- for call in m.tool_calls or [] %}<tool_call>", "{%- for call in [] %}", StringComparison.Ordinal)
            .Replace("<tools>", "Write <tool_call> and JSON. <tools>", StringComparison.Ordinal);
        var model = new FakeModel(told, "ok");
        await model
            .Client()
            .GetResponseAsync(
                [
                    new ChatMessage(ChatRole.User, "Find"),
                    new ChatMessage(
                        ChatRole.Assistant,
                        [new TextContent("I look."), new FunctionCallContent("1", "now", new Dictionary<string, object?> { ["a"] = 1 })]
                    ),
                    new ChatMessage(ChatRole.Tool, [new FunctionResultContent("1", "12")]),
                ],
                new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "now")] }
            );
        Assert.Equal("I look.<tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\":1}}\n</tool_call>", model.Asked[0].Messages[1].Text);
    }
}
