using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Tessera.Engine.NativeTests.Grammars;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What the grammar of a required call allows is always calls that are read and follow their schemas.</summary>
public sealed class RequiredCallTests
{
    private const int TextsPerGrammar = 5;

    private static readonly string[] Sources =
    [
        "<tool_call>",
        "<|tool_call|>",
        "<|tool_call|>[",
        "<TOOLCALL>",
        "<tool_calls>[",
        "<tool_calls>",
        "<|START_ACTION|>",
        "Action:\"tool_name\"",
        "functools[",
        "<|function_call|>",
        "<|tools_prefix|>",
        "[TOOL_CALLS]",
        "[TOOL_CALLS][ARGS]",
        "<|python_tag|>",
        "<｜tool▁calls▁begin｜>```json",
        "<｜tool▁calls▁begin｜>",
        "<|tool_calls_section_begin|>",
        "<|tool_call:begin|>",
        "<function=",
        "<|channel|>final<|message|><|call|>",
        "<tool_call><function=",
        "<seed:tool_call>",
        "<tool_call><arg_key>",
        "<minimax:tool_call>",
        "<function name=\"<param name=\"",
        "｜DSML｜function_calls",
        "｜DSML｜tool_calls",
        "'<|tool_call>call:'",
        "<|tool_call_start|>",
    ];

    // Whether every format holds all of it: lengths and patterns of text are held in JSON only.
    private static readonly (string Schema, bool IsHeldByAll)[] Schemas =
    [
        ("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""", true),
        (
            """{"type":"object","properties":{"a":{"type":"integer","minimum":-3,"maximum":17},"b":{"type":"number"},"c":{"type":"boolean"}},"required":["b"]}""",
            true
        ),
        (
            """{"type":"object","properties":{"unit":{"enum":["1","true","null","a <b> \"c\""]},"kind":{"const":"x"},"mixed":{"enum":[1,"one",null]}},"required":["unit","mixed"]}""",
            true
        ),
        (
            """{"type":"object","properties":{"tags":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"on":{"type":"boolean"}},"required":["name"]},"minItems":1,"maxItems":3}},"required":["tags"]}""",
            true
        ),
        (
            """{"type":"object","properties":{"tree":{"$ref":"#/$defs/node"}},"required":["tree"],"$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},"next":{"$ref":"#/$defs/node"}},"required":["value"]}}}""",
            true
        ),
        (
            """{"type":"object","properties":{"note":{"type":["string","null"]},"size":{"type":["integer","null"]}},"required":["note","size"]}""",
            true
        ),
        ("""{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"string"}}}""", true),
        (
            """{"type":"object","properties":{"any":{"anyOf":[{"type":"integer"},{"type":"boolean"}]},"text":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["any"]}""",
            true
        ),
        ("{}", true),
        ("""{"properties":{},"$schema":"https://json-schema.org/draft/2020-12/schema"}""", true),
        (
            """{"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]{2}\\d{3}$"},"day":{"type":"string","format":"date"},"id":{"type":"string","minLength":2,"maxLength":4}},"required":["code","day","id"],"additionalProperties":false}""",
            false
        ),
    ];

    public static TheoryData<string> Templates => [.. Sources];

    [Theory]
    [MemberData(nameof(Templates))]
    public void Every_required_call_is_read_and_follows_its_schema(string template)
    {
        ToolCallFormat format = ToolCallFormat.Of(template)!;
        var random = new Random(7);
        for (int index = 0; index < Schemas.Length; index++)
        {
            bool isJson = format.Syntax.Arguments is null;
            if (!isJson && !Schemas[index].IsHeldByAll)
                continue;
            AIFunctionDeclaration[] functions =
            [
                Declare("first-tool", Schemas[index].Schema),
                Declare("other", """{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"""),
            ];
            foreach ((string? required, bool takesSeveral) in ((string?, bool)[])[(null, true), ("first-tool", false)])
            {
                var sampler = new GbnfSampler(RequiredCalls.Of(format.Syntax, functions, required, takesSeveral).Grammar);
                for (int count = 0; count < TextsPerGrammar; count++)
                    Check(format, functions, format.StartOf(required) + sampler.Next(random), required, takesSeveral);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public void Calls_that_are_written_as_text_are_read_back(string template)
    {
        ToolCallFormat format = ToolCallFormat.Of(template)!;
        using JsonDocument arguments = JsonDocument.Parse("""{"s":"a \"b\" {c}","n":2.5,"o":{"k":[true,null,"x"]}}""");
        string[] names = format.Syntax.TakesSeveral ? ["first-tool", "other"] : ["first-tool"];
        IAnswerReader reader = format.CreateReader(null, isThinking: false, OfferedTools.None);
        FunctionCallContent[] calls =
        [
            .. reader
                .Append(format.Syntax.Write(names.Select(name => (name, arguments.RootElement))))
                .Concat(reader.Finish())
                .Cast<FunctionCallContent>(),
        ];
        Assert.Equal(names, calls.Select(static call => call.Name));
        foreach (JsonProperty expected in arguments.RootElement.EnumerateObject())
            Assert.All(
                calls,
                call => Assert.True(JsonElement.DeepEquals(expected.Value, (JsonElement)call.Arguments![expected.Name]!), expected.Name)
            );
    }

    private static void Check(ToolCallFormat format, AIFunctionDeclaration[] functions, string answer, string? required, bool takesSeveral)
    {
        IAnswerReader reader = format.CreateReader(null, isThinking: false, new OfferedTools(functions));
        AIContent[] contents = [.. reader.Append(answer), .. reader.Finish()];
        Assert.True(contents.Length > 0 && (takesSeveral || contents.Length == 1), answer);
        foreach (AIContent content in contents)
        {
            var call = Assert.IsType<FunctionCallContent>(content);
            Assert.True(call.Exception is null, $"{answer}: {call.Exception}");
            AIFunctionDeclaration function = functions.Single(function => function.Name == call.Name);
            Assert.True(required is null || function.Name == required, answer);
            var arguments = new JsonObject(
                call.Arguments!.Select(static pair => new KeyValuePair<string, JsonNode?>(
                    pair.Key,
                    pair.Value is JsonElement json ? JsonNode.Parse(json.GetRawText()) : null
                ))
            );
            using JsonDocument document = JsonDocument.Parse(arguments.ToJsonString());
            Assert.True(
                new JsonValidator(function.JsonSchema).Holds(document.RootElement),
                $"{answer}\ndoes not follow {function.JsonSchema}"
            );
        }
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer","minimum":3,"maximum":2}},"required":["a"]}""", "minimum")]
    [InlineData("""{"type":"string"}""", "does not allow an object")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}},"required":["a"]}""", "not in the schema")]
    [InlineData("""{"type":"object","not":{"required":["a"]}}""", "not")]
    public async Task A_schema_that_cannot_be_a_grammar_is_refused_by_the_tool(string schema, string problem)
    {
        AITool[] tools = [Declare("fine", "{}"), Declare("crooked", schema)];
        var model = new FakeModel(TemplateSources.Hermes, "{}");
        ChatOptionException refused = await Assert.ThrowsAsync<ChatOptionException>(() =>
            model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = tools, ToolMode = ChatToolMode.RequireAny })
        );
        Assert.Equal("Tools", refused.Option);
        Assert.Contains("crooked", refused.Message);
        Assert.Contains(problem, refused.Message);
        // What need not be held is no matter.
        await model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = tools, ToolMode = ChatToolMode.RequireSpecific("fine") });
    }

    [Fact]
    public async Task A_name_that_the_format_cannot_write_and_too_many_functions_are_refused()
    {
        string coder = TemplateSources.Hermes.Replace(
            "{\"name\": \"{{ call.function.name }}\", \"arguments\": {{ call.function.arguments | tojson }}}",
            "<function={{ call.function.name }}>{% for key, value in call.function.arguments | items %}<parameter={{ key }}>{{ value "
                + "}}</parameter>{% endfor %}</function>",
            StringComparison.Ordinal
        );
        ChatOptionException name = await Assert.ThrowsAsync<ChatOptionException>(() =>
            new FakeModel(coder, "")
                .Client()
                .GetResponseAsync("Hi", new ChatOptions { Tools = [Declare("a>b", "{}")], ToolMode = ChatToolMode.RequireAny })
        );
        Assert.Contains("a>b", name.Message);
        AITool[] many = [.. Enumerable.Range(0, 257).Select(static index => Declare($"f{index}", "{}"))];
        ChatOptionException count = await Assert.ThrowsAsync<ChatOptionException>(() =>
            new FakeModel(TemplateSources.Hermes, "")
                .Client()
                .GetResponseAsync("Hi", new ChatOptions { Tools = many, ToolMode = ChatToolMode.RequireAny })
        );
        Assert.Contains("257", count.Message);
    }

    [Fact]
    public async Task An_answer_is_held_only_where_a_call_is_required()
    {
        AITool tool = AIFunctionFactory.Create((string city) => city, "weather");
        var model = new FakeModel(
            TemplateSources.Hermes,
            "sunny",
            "weather\", \"arguments\": {\"city\": \"Ulm\"}}\n</tool_call>",
            "{\"city\": \"Ulm\"}}\n</tool_call>"
        );
        await model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = [tool] });
        Assert.Null(model.Options[0].Format);
        await model.Client().GetResponseAsync("Hi", new ChatOptions { Tools = [tool], ToolMode = ChatToolMode.RequireAny });
        Assert.NotNull(model.Options[1].Format);
        ChatResponse named = await model
            .Client()
            .GetResponseAsync(
                "Hi",
                new ChatOptions
                {
                    Tools = [tool],
                    ToolMode = ChatToolMode.RequireSpecific("weather"),
                    AllowMultipleToolCalls = false,
                }
            );
        Assert.Equal("<tool_call>\n{\"name\": \"weather\", \"arguments\": ", model.Asked[2].AnswerStart);
        Assert.Equal("Ulm", Assert.IsType<FunctionCallContent>(Assert.Single(named.Messages[0].Contents)).Arguments!["city"]!.ToString());
    }

    internal static AIFunctionDeclaration Declare(string name, string schema)
    {
        using JsonDocument document = JsonDocument.Parse(schema);
        return AIFunctionFactory.CreateDeclaration(name, "", document.RootElement.Clone());
    }
}
