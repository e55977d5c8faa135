using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>Writes an answer as a chat completion, whole or in chunks.</summary>
/// <param name="answer">The answer.</param>
/// <param name="ignored">Fields of the request that meant nothing.</param>
/// <param name="withUsage">Whether a stream tells the usage.</param>
internal sealed class ChatCompletionWriter(RunningAnswer answer, IReadOnlyList<string> ignored, bool withUsage)
{
    private static readonly JsonElement NotYet = JsonElement.Parse("null");
    private static readonly string Fingerprint = $"tessera-{typeof(MultimodalModel).Assembly.GetName().Version!.ToString(3)}";
    private readonly string id = $"chatcmpl-{Guid.NewGuid():N}";
    private readonly long created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private int callCount,
        toldCount;

    /// <summary>The whole answer.</summary>
    public async Task<ChatCompletion> WholeAsync()
    {
        WholeAnswer whole = await answer.WholeAsync();
        (ChatFinishReason reason, GenerationResult result, _) = whole.Ending!;
        var message = new ChatChoiceMessage("assistant", whole.Text.Length > 0 || whole.Calls.Count == 0 ? whole.Text : null, null)
        {
            ReasoningContent = whole.Reasoning.Length > 0 ? whole.Reasoning : null,
            ToolCalls = whole.Calls.Count > 0 ? [.. whole.Calls.Select(static call => CallOf(call, null))] : null,
        };
        return new ChatCompletion(
            id,
            "chat.completion",
            created,
            answer.ModelName,
            [new ChatChoice(0, message, ChatLogProbabilities.Of(result.LogProbabilities), reason.Value)],
            ChatUsage.Of(whole.Ending),
            Fingerprint,
            AnswerMetadata.Of(result, answer.Pictures, ignored)
        );
    }

    /// <summary>Streams it. What fails on the way is the last event.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var stream = new EventStream(context, isLines: false);
        try
        {
            await SendAsync(stream, new ChatDelta { Role = "assistant", Content = "" }, []);
            await foreach (ChatResponseUpdate update in answer.Updates.ReadAllAsync(CancellationToken.None))
            {
                IReadOnlyList<TokenLogProbability> chosen = (update.RawRepresentation as GenerationUpdate)?.LogProbabilities ?? [];
                foreach (ChatDelta delta in update.Contents.Select(DeltaOf).OfType<ChatDelta>())
                {
                    await SendAsync(stream, delta, chosen);
                    toldCount += chosen.Count;
                    chosen = [];
                }

                if (AnswerEnding.Of(update) is { } ending)
                    await EndAsync(stream, ending);
            }

            await stream.SendAsync("[DONE]"u8.ToArray());
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            await stream.SendAsync(ApiErrors.Body(context, failure));
        }
    }

    private async Task EndAsync(EventStream stream, AnswerEnding ending)
    {
        (ChatFinishReason reason, GenerationResult result, _) = ending;
        var rest = ChatLogProbabilities.Of([.. result.LogProbabilities.Skip(toldCount)]);
        ChatCompletionChunk last = Chunk([new ChatChunkChoice(0, new ChatDelta(), rest, reason.Value)]) with
        {
            Tessera = AnswerMetadata.Of(result, answer.Pictures, ignored),
        };
        await stream.SendAsync(last, ServerJson.Plain.ChatCompletionChunk);
        JsonElement usage = JsonSerializer.SerializeToElement(ChatUsage.Of(ending), ServerJson.Plain.ChatUsage);
        if (withUsage)
            await stream.SendAsync(Chunk([]) with { Usage = usage }, ServerJson.Plain.ChatCompletionChunk);
    }

    private Task SendAsync(EventStream stream, ChatDelta delta, IReadOnlyList<TokenLogProbability> chosen) =>
        stream.SendAsync(
            Chunk([new ChatChunkChoice(0, delta, ChatLogProbabilities.Of(chosen), null)]),
            ServerJson.Plain.ChatCompletionChunk
        );

    private ChatCompletionChunk Chunk(IReadOnlyList<ChatChunkChoice> choices) =>
        new(id, "chat.completion.chunk", created, answer.ModelName, Fingerprint, choices) { Usage = withUsage ? NotYet : null };

    private ChatDelta? DeltaOf(AIContent content) =>
        content switch
        {
            TextReasoningContent thought => new ChatDelta { ReasoningContent = thought.Text },
            TextContent text => new ChatDelta { Content = text.Text },
            FunctionCallContent call => new ChatDelta { ToolCalls = [CallOf(call, callCount++)] },
            _ => null,
        };

    private static ChatToolCall CallOf(FunctionCallContent call, int? index) =>
        new(index, call.CallId, "function", new ChatFunctionCall(call.Name, ToolFields.ArgumentText(call)));
}
