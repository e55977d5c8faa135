using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.OpenAi;

namespace Tessera.Server.Ollama;

/// <summary>Writes an answer as Ollama does, whole or a JSON document on each line.</summary>
/// <param name="answer">The answer.</param>
/// <param name="ignored">Fields of the request that meant nothing.</param>
/// <param name="isChat">Whether it is a message; a response otherwise.</param>
/// <param name="started">When the request came.</param>
internal sealed class OllamaWriter(RunningAnswer answer, IReadOnlyList<string> ignored, bool isChat, long started)
{
    private const double NanosecondsPerMillisecond = 1e6;

    /// <summary>The whole answer.</summary>
    public async Task<OllamaAnswer> WholeAsync()
    {
        WholeAnswer whole = await answer.WholeAsync();
        return End(whole.Result!, whole.Text, whole.Reasoning.Length > 0 ? whole.Reasoning : null, whole.Calls);
    }

    /// <summary>Streams it. What fails on the way is the last line.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var stream = new EventStream(context, isLines: true);
        try
        {
            await foreach (ChatResponseUpdate update in answer.Updates.ReadAllAsync(CancellationToken.None))
            {
                foreach (AIContent content in update.Contents)
                {
                    if (content is TextReasoningContent thought)
                        await SendAsync(stream, Piece("", thought.Text, null));
                    else if (content is TextContent text)
                        await SendAsync(stream, Piece(text.Text, null, null));
                    else if (content is FunctionCallContent call)
                        await SendAsync(stream, Piece("", null, [call]));
                }

                if (update.RawRepresentation is GenerationResult result)
                    await SendAsync(stream, End(result, "", null, []));
            }
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            await stream.SendAsync(ApiErrors.Body(context.Request.Path, ApiErrors.Of(failure)));
        }
    }

    private OllamaAnswer End(GenerationResult result, string text, string? thought, IReadOnlyList<FunctionCallContent> calls) =>
        Piece(text, thought, calls) with
        {
            Done = true,
            DoneReason = result.FinishReason == FinishReason.Length ? "length" : "stop",
            TotalDuration = (long)Stopwatch.GetElapsedTime(started).TotalNanoseconds,
            LoadDuration = (long)answer.LoadTime.TotalNanoseconds,
            PromptEvalCount = result.PromptTokenCount,
            PromptEvalDuration = (long)((result.Timings.EncodeMs + result.Timings.PrefillMs) * NanosecondsPerMillisecond),
            EvalCount = result.TokenIds.Count,
            EvalDuration = (long)(result.Timings.DecodeMs * NanosecondsPerMillisecond),
            Tessera = AnswerMetadata.Of(result, answer.Pictures, ignored),
        };

    private OllamaAnswer Piece(string text, string? thought, IReadOnlyList<FunctionCallContent>? calls) =>
        new(answer.ModelName, OllamaModels.Time(DateTimeOffset.UtcNow))
        {
            Message = isChat
                ? new OllamaMessage("assistant", text)
                {
                    Thinking = thought,
                    ToolCalls = calls is { Count: > 0 }
                        ?
                        [
                            .. calls.Select(static call => new OllamaToolCall(
                                new OllamaFunction(call.Name, Extensions.AI.ToolText.ArgumentsOf(call))
                            )
                            {
                                Id = call.CallId,
                            }),
                        ]
                        : null,
                }
                : null,
            Response = isChat ? null : text,
            Thinking = isChat ? null : thought,
        };

    private static Task SendAsync(EventStream stream, OllamaAnswer piece) => stream.SendAsync(piece, ServerJson.Plain.OllamaAnswer);
}
