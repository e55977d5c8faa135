using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;

namespace Tessera.Server.OpenAi;

/// <summary>Writes an answer as a response, whole or as events.</summary>
/// <param name="answer">The answer.</param>
/// <param name="echo">What the request said.</param>
/// <param name="ignored">Fields of the request that meant nothing.</param>
internal sealed class ResponseWriter(RunningAnswer answer, ResponseEcho echo, IReadOnlyList<string> ignored)
{
    private readonly string id = ResponseItem.NewId("resp");
    private readonly long created = Now;

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>The whole answer.</summary>
    public async Task<ResponseDocument> WholeAsync()
    {
        WholeAnswer whole = await answer.WholeAsync();
        var output = new List<ResponseItem>();
        string status = StatusOf(whole.Ending!.Result);
        if (whole.Reasoning.Length > 0)
            output.Add(ResponseItem.Reasoning(ResponseItem.NewId("rs"), "completed", ResponsePart.Thought(whole.Reasoning)));
        if (whole.Text.Length > 0 || whole.Calls.Count == 0)
            output.Add(
                ResponseItem.Message(
                    ResponseItem.NewId("msg"),
                    status,
                    ResponsePart.Output(whole.Text, whole.Ending.Result.LogProbabilities)
                )
            );
        output.AddRange(whole.Calls.Select(ResponseItem.Call));
        return Ended(whole.Ending, output);
    }

    /// <summary>Streams it. What fails on the way is the last event.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var events = new ResponseEvents(context);
        var items = new ResponseItems(events);
        try
        {
            ResponseDocument begun = echo.Document(id, created, "in_progress", answer.ModelName, []);
            await events.SendAsync("response.created", happened => happened with { Response = begun });
            await events.SendAsync("response.in_progress", happened => happened with { Response = begun });
            AnswerEnding? ending = null;
            await foreach (ChatResponseUpdate update in answer.Updates.ReadAllAsync(CancellationToken.None))
            {
                await items.TakeAsync(update);
                ending = AnswerEnding.Of(update) ?? ending;
            }

            await items.EndAsync(StatusOf(ending!.Result));
            ResponseDocument ended = Ended(ending, items.Output);
            await events.SendAsync($"response.{ended.Status}", happened => happened with { Response = ended });
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            await events.FailAsync(ApiErrors.Told(context, failure));
        }
    }

    private static string StatusOf(GenerationResult result) => result.FinishReason == FinishReason.Length ? "incomplete" : "completed";

    private ResponseDocument Ended(AnswerEnding ending, IReadOnlyList<ResponseItem> output)
    {
        string status = StatusOf(ending.Result);
        return echo.Document(id, created, status, answer.ModelName, output) with
        {
            CompletedAt = status == "completed" ? Now : null,
            IncompleteDetails = status == "incomplete" ? new IncompleteDetails("max_output_tokens") : null,
            Usage = ResponseUsage.Of(ending),
            Tessera = AnswerMetadata.Of(ending.Result, answer.Pictures, ignored),
        };
    }
}
