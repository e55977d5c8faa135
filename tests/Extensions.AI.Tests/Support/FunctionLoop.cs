using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>Plays the part of Microsoft.Extensions.AI's function-invoking client: calls what the model calls, and hands the results back
/// until there are no more calls.</summary>
internal static class FunctionLoop
{
    private const int MaxRounds = 8;

    public static async Task<(ChatResponse Last, List<ChatMessage> Conversation)> RunAsync(
        IChatClient client,
        string question,
        ChatOptions options,
        CancellationToken cancellationToken = default
    )
    {
        List<ChatMessage> conversation = [new(ChatRole.User, question)];
        for (int round = 0; round < MaxRounds; round++)
        {
            ChatResponse response = await client.GetResponseAsync(conversation, options, cancellationToken);
            conversation.AddMessages(response);
            FunctionCallContent[] calls =
            [
                .. response.Messages.SelectMany(static message => message.Contents).OfType<FunctionCallContent>(),
            ];
            if (calls.Length == 0)
                return (response, conversation);
            var results = new List<AIContent>();
            foreach (FunctionCallContent call in calls)
                results.Add(await InvokeAsync(call, options, cancellationToken));
            conversation.Add(new ChatMessage(ChatRole.Tool, results));
        }

        throw new InvalidOperationException("The model calls tools without end.");
    }

    private static async Task<FunctionResultContent> InvokeAsync(
        FunctionCallContent call,
        ChatOptions options,
        CancellationToken cancellationToken
    )
    {
        if (options.Tools!.OfType<AIFunction>().FirstOrDefault(tool => tool.Name == call.Name) is not { } function)
            return new FunctionResultContent(call.CallId, $"Error: there is no function {call.Name}.");
        try
        {
            return new FunctionResultContent(
                call.CallId,
                await function.InvokeAsync(new AIFunctionArguments(call.Arguments), cancellationToken).AsTask().WaitAsync(cancellationToken)
            );
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return new FunctionResultContent(call.CallId, null) { Exception = call.Exception ?? failure };
        }
    }
}
