using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Functions are called and answered in a loop by Microsoft.Extensions.AI's function-invoking client.</summary>
public sealed class FunctionLoopTests
{
    private static readonly AITool Weather = AIFunctionFactory.Create((string city) => city == "Ulm" ? "rain" : "sun", "weather");
    private static readonly AITool Broken = AIFunctionFactory.Create(
        string () => throw new InvalidOperationException("The line is dead."),
        "broken"
    );

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_is_invoked_and_its_result_answered(bool isStreaming)
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("weather", "{\"city\": \"Ulm\"}"), "It rains.");
        using IChatClient client = Invoking(model);
        var options = new ChatOptions { Tools = [Weather] };
        ChatResponse response = isStreaming
            ? await client.GetStreamingResponseAsync("How is it?", options).ToChatResponseAsync()
            : await client.GetResponseAsync("How is it?", options);
        Assert.Equal("It rains.", response.Messages[^1].Text);
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(static message => message.Role));
        Assert.Equal("rain", model.Asked[1].Messages[2].Text);
        Assert.Equal(model.Asked[1].Messages[1].ToolCalls[0].Id, model.Asked[1].Messages[2].ToolCallId);
    }

    [Fact]
    public async Task Several_calls_at_once_are_all_answered()
    {
        string calls = Call("weather", "{\"city\": \"Ulm\"}") + "\n" + Call("weather", "{\"city\": \"Bonn\"}");
        var model = new FakeModel(TemplateSources.Hermes, calls, "Rain and sun.");
        using IChatClient client = Invoking(model);
        ChatResponse response = await client.GetResponseAsync("How is it?", new ChatOptions { Tools = [Weather] });
        Assert.Equal("Rain and sun.", response.Messages[^1].Text);
        Assert.Equal(["rain", "sun"], model.Asked[1].Messages.Skip(2).Select(static message => message.Text));
    }

    [Fact]
    public async Task A_tool_that_throws_and_one_that_is_not_there_go_back_to_the_model()
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("broken", "{}"), Call("nothing", "{}"), "Sorry.");
        using IChatClient client = Invoking(model);
        ChatResponse response = await client.GetResponseAsync("How is it?", new ChatOptions { Tools = [Weather, Broken] });
        Assert.Equal("Sorry.", response.Messages[^1].Text);
        Assert.StartsWith("Error: ", model.Asked[1].Messages[^1].Text);
        Assert.Contains("nothing", model.Asked[2].Messages[^1].Text);
    }

    [Fact]
    public async Task A_call_that_cannot_be_read_goes_back_to_the_model()
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("weather", "{\"city\": }"), "Sorry.");
        using IChatClient client = Invoking(model);
        ChatResponse response = await client.GetResponseAsync("How is it?", new ChatOptions { Tools = [Weather] });
        Assert.Equal("Sorry.", response.Messages[^1].Text);
        Assert.StartsWith("Error: ", model.Asked[1].Messages[^1].Text);
    }

    [Fact]
    public async Task A_tool_is_told_to_stop_by_cancelling()
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("endless", "{}"), "Never.");
        using var stop = new CancellationTokenSource();
        AITool endless = AIFunctionFactory.Create(
            async (CancellationToken cancellationToken) =>
            {
                Task never = Task.Delay(Timeout.Infinite, cancellationToken);
                await stop.CancelAsync();
                await never;
                return 1;
            },
            "endless"
        );
        using IChatClient client = Invoking(model);
        await Assert
            .ThrowsAnyAsync<OperationCanceledException>(() =>
                client.GetResponseAsync("Hi", new ChatOptions { Tools = [endless] }, stop.Token)
            )
            .WaitAsync(Patience.Limit);
        Assert.Single(model.Asked);
    }

    private static IChatClient Invoking(FakeModel model) => model.Client().AsBuilder().UseFunctionInvocation().Build();

    private static string Call(string name, string arguments) =>
        $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";
}
