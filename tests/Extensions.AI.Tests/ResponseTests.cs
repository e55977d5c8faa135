using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What comes back: the same in one piece and streaming, with usage, reasons and ids.</summary>
public sealed class ResponseTests
{
    [Fact]
    public async Task A_response_has_usage_reason_and_ids()
    {
        DateTimeOffset asked = DateTimeOffset.UtcNow;
        ChatResponse response = await new FakeModel(TemplateSources.Hermes, "Hello there").Client().GetResponseAsync("Hi");
        Assert.Equal("Hello there", response.Text);
        Assert.Equal(
            (ChatRole.Assistant, "fake", ChatFinishReason.Stop),
            (Assert.Single(response.Messages).Role, response.ModelId, response.FinishReason!.Value)
        );
        Assert.Equal(
            (50L, 3L, 53L, 10L),
            (
                response.Usage!.InputTokenCount,
                response.Usage.OutputTokenCount,
                response.Usage.TotalTokenCount,
                response.Usage.CachedInputTokenCount
            )
        );
        Assert.NotNull(response.ResponseId);
        Assert.InRange(response.CreatedAt!.Value, asked, DateTimeOffset.UtcNow);
    }

    // Pieces of three letters, a token each.
    [Theory]
    [InlineData("Hello there", 0)]
    [InlineData("<think>abc</think>Hello", 4)]
    [InlineData("<think>abc", 2)]
    public async Task Tokens_of_thoughts_are_counted(string answer, long expected)
    {
        FakeModel model = new(TemplateSources.Hermes, answer, answer);
        ChatResponse shown = await model.Client().GetResponseAsync("Hi");
        Assert.Equal(expected, shown.Usage!.ReasoningTokenCount);
        ChatResponse hidden = await model
            .Client()
            .GetResponseAsync("Hi", new ChatOptions { Reasoning = new ReasoningOptions { Output = ReasoningOutput.None } });
        Assert.Equal(expected, hidden.Usage!.ReasoningTokenCount);
    }

    [Fact]
    public async Task Tokens_of_thoughts_are_counted_from_where_the_prompt_has_begun_one_and_in_channels()
    {
        ChatResponse begun = await new FakeModel(TemplateSources.OpensThought, "abc</think>Hello").Client().GetResponseAsync("Hi");
        Assert.Equal(4, begun.Usage!.ReasoningTokenCount);
        const string Channels = "<|channel|>analysis<|message|>abcdef<|end|><|start|>assistant<|channel|>final<|message|>Hello";
        ChatResponse channels = await new FakeModel("<|channel|>analysis <|channel|>final", Channels).Client().GetResponseAsync("Hi");
        // Two of the thought, one that ends its header, three that end it.
        Assert.Equal(6, channels.Usage!.ReasoningTokenCount);
    }

    [Fact]
    public async Task Updates_stream_and_belong_together()
    {
        List<ChatResponseUpdate> updates = await ListAsync(
            new FakeModel(TemplateSources.Hermes, "Hello there").Client().GetStreamingResponseAsync("Hi")
        );
        Assert.True(updates.Count > 3);
        Assert.Single(updates.Select(static update => (update.ResponseId, update.MessageId, update.Role, update.ModelId)).Distinct());
        Assert.Equal("Hello there", string.Concat(updates.Select(static update => update.Text)));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        Assert.All(updates.SkipLast(1), static update => Assert.Null(update.FinishReason));
    }

    [Fact]
    public async Task Calls_and_the_length_are_reasons_to_finish()
    {
        const string TwoCalls =
            "<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"b\",\"arguments\":{}}</tool_call>";
        AITool tool = AIFunctionFactory.Create(() => 1, "a");
        ChatResponse both = await new FakeModel(TemplateSources.Hermes, TwoCalls)
            .Client()
            .GetResponseAsync("Hi", new ChatOptions { Tools = [tool] });
        Assert.Equal(ChatFinishReason.ToolCalls, both.FinishReason);
        FunctionCallContent[] calls = [.. both.Messages[0].Contents.Cast<FunctionCallContent>()];
        Assert.Equal(["a", "b"], calls.Select(static call => call.Name));
        Assert.Equal(2, calls.Select(static call => call.CallId).Distinct().Count());
        ChatResponse one = await new FakeModel(TemplateSources.Hermes, TwoCalls)
            .Client()
            .GetResponseAsync("Hi", new ChatOptions { Tools = [tool], AllowMultipleToolCalls = false });
        Assert.Single(one.Messages[0].Contents);
        ChatResponse cut = await new FakeModel(TemplateSources.Hermes, "Long") { FinishReason = FinishReason.Length }
            .Client()
            .GetResponseAsync("Hi");
        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);
    }

    [Fact]
    public async Task A_disposed_client_and_a_client_without_services_say_so()
    {
        TesseraChatClient client = new FakeModel(TemplateSources.Hermes, "x").Client();
        Assert.Equal(
            ("tessera", "fake"),
            (client.GetService<ChatClientMetadata>()!.ProviderName, client.GetService<ChatClientMetadata>()!.DefaultModelId)
        );
        Assert.Same(client, client.GetService<IChatClient>());
        Assert.Null(client.GetService<MultimodalModel>());
        Assert.Null(client.GetService(typeof(IChatClient), "key"));
        client.Dispose();
        client.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("Hi"));
    }

    internal static async Task<List<ChatResponseUpdate>> ListAsync(IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        var list = new List<ChatResponseUpdate>();
        await foreach (ChatResponseUpdate update in updates)
            list.Add(update);
        return list;
    }
}
