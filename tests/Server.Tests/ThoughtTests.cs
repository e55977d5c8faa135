using System.Text.Json;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Tokens of thoughts, for a model whose template begins one: the small one, which then thinks all that it says.</summary>
public sealed class ThoughtTests
{
    private const string Template = """
        {%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{%- endfor %}
        {#- A thought ends with </think>. #}{{- '<|im_start|>assistant\n<think>\n' }}
        """;

    [Fact]
    public async Task Tokens_of_thoughts_are_counted_in_each_form_of_usage()
    {
        await using TinyServer server = await TinyServer.StartAsync(
            TinyServer.Options with
            {
                Models = static () => [new ServedModel("tiny", TinyServer.Files with { ChatTemplate = Template })],
            }
        );
        const string Chat = """{"temperature":0,"max_tokens":5,"messages":[{"role":"user","content":"Hello"}]}""";
        (_, JsonElement chat) = await server.PostAsync("/v1/chat/completions", Chat);
        AssertAllThought(chat.GetProperty("usage"), "completion_tokens");
        const string Input = """{"temperature":0,"max_output_tokens":5,"input":"Hello"}""";
        (_, JsonElement response) = await server.PostAsync("/v1/responses", Input);
        AssertAllThought(response.GetProperty("usage"), "output_tokens");
    }

    private static void AssertAllThought(JsonElement usage, string tokens)
    {
        int count = usage.GetProperty(tokens).GetInt32();
        Assert.InRange(count, 1, 5);
        Assert.Equal(count, usage.GetProperty($"{tokens}_details").GetProperty("reasoning_tokens").GetInt32());
    }
}
