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

    private int toldCount;

    /// <summary>The whole answer.</summary>
    public async Task<OllamaAnswer> WholeAsync()
    {
        WholeAnswer whole = await answer.WholeAsync();
        return End(whole.Ending!.Result, whole.Text, whole.Reasoning.Length > 0 ? whole.Reasoning : null, whole.Calls);
    }

    /// <summary>Streams it. What fails on the way is the last line.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var stream = new EventStream(context, isLines: true);
        try
        {
            await foreach (ChatResponseUpdate update in answer.Updates.ReadAllAsync(CancellationToken.None))
            {
                IReadOnlyList<TokenLogProbability> chosen = (update.RawRepresentation as GenerationUpdate)?.LogProbabilities ?? [];
                foreach (OllamaAnswer piece in update.Contents.Select(PieceOf).OfType<OllamaAnswer>())
                {
                    await SendAsync(stream, piece with { Logprobs = Probabilities(chosen) });
                    toldCount += chosen.Count;
                    chosen = [];
                }

                if (update.RawRepresentation is GenerationResult result)
                    await SendAsync(stream, End(result, "", null, []));
            }
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            await stream.SendAsync(ApiErrors.Body(context, failure));
        }
    }

    private static IReadOnlyList<ChatLogProbability>? Probabilities(IEnumerable<TokenLogProbability> chosen) =>
        ChatLogProbabilities.Of([.. chosen])?.Content;

    private OllamaAnswer? PieceOf(AIContent content) =>
        content switch
        {
            TextReasoningContent thought => Piece("", thought.Text, null),
            TextContent text => Piece(text.Text, null, null),
            FunctionCallContent call => Piece("", null, [call]),
            _ => null,
        };

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
            Logprobs = Probabilities(result.LogProbabilities.Skip(toldCount)),
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
