using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Text, thoughts and calls are told apart, however the answer is cut into pieces.</summary>
public sealed class AnswerReaderTests
{
    private const string QwenCoder = "<tool_call><function=";
    private const string Glm = "<tool_call><arg_key>";

    public static TheoryData<string, string, string> Answers =>
        new()
        {
            { TemplateSources.Hermes, "Just < text <tool", "text:Just < text <tool" },
            { TemplateSources.Hermes, "<think>\nHm, 2.\n</think>\n\nTwo.", "thought:Hm, 2.|text:Two." },
            { TemplateSources.Hermes, "A <think> later is text", "text:A <think> later is text" },
            { TemplateSources.Hermes, "<think>never over ", "thought:never over" },
            {
                TemplateSources.Hermes,
                "I look.\n<tool_call>\n{\"name\": \"find\", \"arguments\": {\"q\": \"a {b}\", \"n\": 2}}\n</tool_call>",
                "text:I look.|find(n=2,q=a {b})"
            },
            {
                TemplateSources.Hermes,
                "<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"b\",\"arguments\":{\"x\":null}}</tool_call>\nDone",
                "a()|b(x=)|text:Done"
            },
            {
                TemplateSources.Hermes,
                "<think>why</think><tool_call>{\"name\":\"a\",\"arguments\":\"{\\\"k\\\":true}\"}",
                "thought:why|a(k=True)"
            },
            { TemplateSources.Hermes, "<tool_call>{\"name\": \"a\", \"arguments\": {\"k\": }}</tool_call>rest", "a!|text:rest" },
            { TemplateSources.Hermes, "<tool_call>{\"name\": \"a\", \"arguments\": {\"k\"", "a!" },
            { TemplateSources.Hermes, "<tool_call>not json</tool_call>", "text:<tool_call>not json</tool_call>" },
            { TemplateSources.Hermes, "<tool_call>{\"title\": 1}</tool_call>", "text:<tool_call>{\"title\": 1}</tool_call>" },
            { TemplateSources.Llama, "{\"name\": \"find\", \"parameters\": {\"q\": \"}\"}}", "find(q=})" },
            { TemplateSources.Llama, "{\"name\": \"a\", \"parameters\": {}}; {\"name\": \"b\", \"parameters\": {}}", "a()|b()" },
            { TemplateSources.Llama, "{\"answer\": {\"name\": \"x\"}}", "text:{\"answer\": {\"name\": \"x\"}}" },
            { TemplateSources.Llama, "See {\"name\": \"a\", \"parameters\": {}}", "text:See {\"name\": \"a\", \"parameters\": {}}" },
            { TemplateSources.Llama, "<|python_tag|>{\"type\": \"function\", \"name\": \"a\", \"parameters\": {\"k\": [1]}}", "a(k=[1])" },
            {
                TemplateSources.Mistral,
                "[TOOL_CALLS][{\"name\": \"a\", \"arguments\": {\"k\": 1}, \"id\": \"abc123XYZ\"}, {\"name\": \"b\", \"arguments\": {}}]",
                "a(k=1)|b()"
            },
            {
                TemplateSources.Mistral + "{# [ARGS] #}",
                "[TOOL_CALLS]a[CALL_ID]abc123XYZ[ARGS]{\"k\": 1}[TOOL_CALLS]b[ARGS]{}",
                "a(k=1)|b()"
            },
            {
                QwenCoder,
                "<tool_call>\n<function=a>\n<parameter=k>\nline "
                    + "<b>\nnext\n</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
                "a(k=line <b>\nnext,n=3)"
            },
            { Glm, "<tool_call>a\n<arg_key>k</arg_key>\n<arg_value>v w</arg_value>\n</tool_call>", "a(k=v w)" },
            { "<|tool_call|>", "<|tool_call|>[{\"name\": \"a\", \"arguments\": {}}]<|/tool_call|>", "a()" },
            { "<function=", "<function=a>{\"k\": 1}</function><function=b>{\"k\": }</function> a <functor", "a(k=1)|b!|text:a <functor" },
        };

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_is_read_the_same_however_it_is_cut(string template, string answer, string expected)
    {
        foreach (List<AIContent> contents in ReadInPieces(template, answer))
            Assert.Equal(expected, Shown(contents));
    }

    /// <summary>What is read of an answer that comes in pieces of one character, of two, and so on.</summary>
    internal static IEnumerable<List<AIContent>> ReadInPieces(string template, string answer)
    {
        for (int length = 1; length <= answer.Length; length++)
        {
            IAnswerReader reader = ToolCallFormat.Of(template)!.CreateReader(ThoughtMarks.Think, isThinking: false, OfferedTools.None);
            List<AIContent> contents = [];
            for (int start = 0; start < answer.Length; start += length)
                contents.AddRange(reader.Append(answer.Substring(start, Math.Min(length, answer.Length - start))));
            contents.AddRange(reader.Finish());
            yield return contents;
        }
    }

    [Fact]
    public void Text_that_begins_no_call_is_not_held_back()
    {
        var reader = new AnswerReader(ToolCallFormat.Of(TemplateSources.Hermes), ThoughtMarks.Think, isThinking: false, OfferedTools.None);
        Assert.Equal("Hello", Text(reader.Append("Hello")));
        Assert.Equal("", Text(reader.Append(" <")));
        Assert.Equal(" <b", Text(reader.Append("b")));
        var llama = new AnswerReader(ToolCallFormat.Of(TemplateSources.Llama), null, isThinking: false, OfferedTools.None);
        Assert.Equal("", Text(llama.Append("{")));
        Assert.Equal("{\"answer", Text(llama.Append("\"answer")));
    }

    [Fact]
    public void Without_tools_calls_are_text()
    {
        var reader = new AnswerReader(null, null, isThinking: false, OfferedTools.None);
        Assert.Equal("<think><tool_call>{} ", Text(reader.Append("<think><tool_call>{} ")));
    }

    [Fact]
    public void A_thought_that_the_prompt_opened_is_a_thought()
    {
        var reader = new AnswerReader(null, ThoughtMarks.Think, isThinking: true, OfferedTools.None);
        Assert.Equal("thought:So|text:Yes", Shown([.. reader.Append("\nSo\n</think>\n\nYes"), .. reader.Finish()]));
    }

    [Fact]
    public void A_call_of_endless_depth_is_damaged_and_no_crash()
    {
        var reader = new AnswerReader(ToolCallFormat.Of(TemplateSources.Hermes), null, isThinking: false, OfferedTools.None);
        string deep =
            "<tool_call>{\"name\":\"a\",\"arguments\":{\"k\":" + new string('[', 10_000) + new string(']', 10_000) + "}}</tool_call>";
        FunctionCallContent call = Assert.IsType<FunctionCallContent>(Assert.Single(reader.Append(deep)));
        Assert.Equal("a", call.Name);
        Assert.True(Assert.IsType<ToolCallFormatException>(call.Exception).Message.Length < 400);
    }

    private static string Text(IEnumerable<AIContent> contents) =>
        string.Concat(contents.Cast<TextContent>().Select(static content => content.Text));

    /// <summary>Contents on one line; kinds tell text among arguments that reads as JSON, and show ids that the model gave.</summary>
    internal static string Shown(IEnumerable<AIContent> contents, bool showsKinds = false)
    {
        var shown = new List<string>();
        foreach (AIContent content in contents)
        {
            (string kind, string text) = content switch
            {
                TextContent said => ("text:", said.Text),
                TextReasoningContent thought => ("thought:", thought.Text),
                FunctionCallContent { Exception: not null } call => ("", $"{call.Name}!"),
                FunctionCallContent call => ("", Shown(call, showsKinds)),
                _ => throw new InvalidOperationException(content.GetType().Name),
            };
            if (kind.Length > 0 && shown.Count > 0 && shown[^1].StartsWith(kind, StringComparison.Ordinal))
                shown[^1] += text;
            else
                shown.Add(kind + text);
        }

        return string.Join('|', shown);
    }

    private static string Shown(FunctionCallContent call, bool showsKinds)
    {
        IEnumerable<string> arguments = call.Arguments!.OrderBy(static pair => pair.Key)
            .Select(pair => $"{pair.Key}={pair.Value}{(showsKinds && IsNumberAsText(pair.Value) ? ":text" : "")}");
        bool isGiven = showsKinds && (call.CallId.Length != 9 || call.CallId.Contains(':'));
        return $"{call.Name}({string.Join(',', arguments)}){(isGiven ? "#" + call.CallId : "")}";
    }

    private static bool IsNumberAsText(object? value) =>
        value is JsonElement { ValueKind: JsonValueKind.String } text && double.TryParse(text.GetString(), out _);
}
