using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Functions are called and answered in a loop, as Microsoft.Extensions.AI's function-invoking client does it.</summary>
public sealed class FunctionLoopTests
{
    private static readonly AITool weather = AIFunctionFactory.Create((string city) => city == "Ulm" ? "rain" : "sun", "weather");
    private static readonly AITool broken = AIFunctionFactory.Create(
        string () => throw new InvalidOperationException("The line is dead."),
        "broken"
    );

    [Fact]
    public async Task A_call_is_invoked_and_its_result_answered()
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("weather", "{\"city\": \"Ulm\"}"), "It rains.");
        (ChatResponse last, List<ChatMessage> conversation) = await FunctionLoop.RunAsync(
            model.Client(),
            "How is it?",
            new ChatOptions { Tools = [weather] }
        );
        Assert.Equal("It rains.", last.Text);
        Assert.Equal(
            [ChatRole.User, ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant],
            conversation.Select(static message => message.Role)
        );
        Assert.Equal("rain", model.Asked[1].Messages[2].Text);
        Assert.Equal(model.Asked[1].Messages[1].ToolCalls[0].Id, model.Asked[1].Messages[2].ToolCallId);
    }

    [Fact]
    public async Task A_tool_that_throws_and_calls_that_cannot_be_read_go_back_to_the_model()
    {
        var model = new FakeModel(
            TemplateSources.Hermes,
            Call("broken", "{}"),
            Call("weather", "{\"city\": }"),
            Call("nothing", "{}"),
            "Sorry."
        );
        (ChatResponse last, _) = await FunctionLoop.RunAsync(model.Client(), "How is it?", new ChatOptions { Tools = [weather, broken] });
        Assert.Equal("Sorry.", last.Text);
        Assert.Equal("Error: The line is dead.", model.Asked[1].Messages[^1].Text);
        Assert.StartsWith("Error: The model wrote a call of a tool that cannot be read", model.Asked[2].Messages[^1].Text);
        Assert.Contains("no function nothing", model.Asked[3].Messages[^1].Text);
    }

    [Fact]
    public async Task A_tool_that_never_returns_is_left_by_cancelling()
    {
        var model = new FakeModel(TemplateSources.Hermes, Call("endless", "{}"), "Never.");
        using var stop = new CancellationTokenSource();
        AITool endless = AIFunctionFactory.Create(
            async () =>
            {
                stop.CancelAfter(20);
                await new TaskCompletionSource().Task;
                return 1;
            },
            "endless"
        );
        await Assert
            .ThrowsAnyAsync<OperationCanceledException>(() =>
                FunctionLoop.RunAsync(model.Client(), "Hi", new ChatOptions { Tools = [endless] }, stop.Token)
            )
            .WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Single(model.Asked);
    }

    private static string Call(string name, string arguments) =>
        $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";
}
