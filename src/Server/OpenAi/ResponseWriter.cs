using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>Writes an answer as a response, whole or as events.</summary>
/// <param name="answer">The answer.</param>
/// <param name="ignored">Fields of the request that meant nothing.</param>
internal sealed class ResponseWriter(RunningAnswer answer, IReadOnlyList<string> ignored)
{
    private readonly string id = $"resp_{Guid.NewGuid():N}";
    private readonly long created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly List<ResponseItem> output = [];
    private int sequence;

    /// <summary>The whole answer.</summary>
    public async Task<ResponseDocument> WholeAsync()
    {
        WholeAnswer whole = await answer.WholeAsync();
        if (whole.Reasoning.Length > 0)
            output.Add(Reasoning(NewId("rs"), whole.Reasoning));
        if (whole.Text.Length > 0 || whole.Calls.Count == 0)
            output.Add(Message(NewId("msg"), "completed", [ResponsePart.Output(whole.Text)]));
        output.AddRange(whole.Calls.Select(static call => CallItem(NewId("fc"), call)));
        return Ended(whole.Result!);
    }

    /// <summary>Streams it. What fails on the way is the last event.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var stream = new EventStream(context, isLines: false);
        try
        {
            await SendAsync(stream, New("response.created") with { Response = Begun });
            await SendAsync(stream, New("response.in_progress") with { Response = Begun });
            var whole = new WholeAnswer();
            string? message = null;
            await foreach (ChatResponseUpdate update in answer.Updates.ReadAllAsync(CancellationToken.None))
            {
                whole.Add(update);
                foreach (AIContent content in update.Contents)
                {
                    if (content is TextContent { Text.Length: > 0 } text)
                        message = await SendTextAsync(stream, message, text.Text);
                    else if (content is FunctionCallContent call)
                        await SendCallAsync(stream, call);
                }
            }

            if (message is not null)
                await EndTextAsync(stream, message, whole.Text);
            ResponseDocument ended = Ended(whole.Result!);
            string type = ended.IncompleteDetails is null ? "response.completed" : "response.incomplete";
            await SendAsync(stream, New(type) with { Response = ended });
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            ApiException error = ApiErrors.Of(failure);
            await SendAsync(stream, New("error") with { Code = error.Code ?? error.Type, Message = error.Message });
        }
    }

    private ResponseDocument Begun => new(id, "response", created, "in_progress", answer.ModelName, []);

    private ResponseDocument Ended(GenerationResult result)
    {
        bool isCut = result.FinishReason == FinishReason.Length;
        return new ResponseDocument(id, "response", created, isCut ? "incomplete" : "completed", answer.ModelName, output)
        {
            IncompleteDetails = isCut ? new IncompleteDetails("max_output_tokens") : null,
            Usage = ResponseUsage.Of(result),
            Tessera = AnswerMetadata.Of(result, answer.Pictures, ignored),
        };
    }

    // A message has one place among the items, which it takes with its first text.
    private async Task<string> SendTextAsync(EventStream stream, string? message, string text)
    {
        if (message is null)
        {
            message = NewId("msg");
            ResponseItem begun = Message(message, "in_progress", []);
            output.Add(begun);
            await SendAsync(stream, New("response.output_item.added") with { OutputIndex = output.Count - 1, Item = begun });
            await SendAsync(stream, InMessage("response.content_part.added", message) with { Part = ResponsePart.Output("") });
        }

        await SendAsync(stream, InMessage("response.output_text.delta", message) with { Delta = text });
        return message;
    }

    private async Task EndTextAsync(EventStream stream, string message, string text)
    {
        ResponsePart part = ResponsePart.Output(text);
        ResponseItem item = Message(message, "completed", [part]);
        int index = IndexOf(message);
        output[index] = item;
        await SendAsync(stream, InMessage("response.output_text.done", message) with { Text = text });
        await SendAsync(stream, InMessage("response.content_part.done", message) with { Part = part });
        await SendAsync(stream, New("response.output_item.done") with { OutputIndex = index, Item = item });
    }

    private async Task SendCallAsync(EventStream stream, FunctionCallContent call)
    {
        ResponseItem item = CallItem(NewId("fc"), call);
        output.Add(item);
        int index = output.Count - 1;
        ResponseItem begun = item with { Status = "in_progress", Arguments = "" };
        await SendAsync(stream, New("response.output_item.added") with { OutputIndex = index, Item = begun });
        await SendAsync(
            stream,
            New("response.function_call_arguments.delta") with
            {
                OutputIndex = index,
                ItemId = item.Id,
                Delta = item.Arguments,
            }
        );
        await SendAsync(
            stream,
            New("response.function_call_arguments.done") with
            {
                OutputIndex = index,
                ItemId = item.Id,
                Name = item.Name,
                Arguments = item.Arguments,
            }
        );
        await SendAsync(stream, New("response.output_item.done") with { OutputIndex = index, Item = item });
    }

    private int IndexOf(string itemId) => output.FindIndex(item => item.Id == itemId);

    private ResponseEvent InMessage(string type, string message) =>
        New(type) with
        {
            ItemId = message,
            OutputIndex = IndexOf(message),
            ContentIndex = 0,
        };

    private ResponseEvent New(string type) => new(type, sequence++);

    private static Task SendAsync(EventStream stream, ResponseEvent happened) =>
        stream.SendAsync(happened, ServerJson.Plain.ResponseEvent, happened.Type);

    private static string NewId(string kind) => $"{kind}_{Guid.NewGuid():N}";

    private static ResponseItem Message(string id, string status, IReadOnlyList<ResponsePart> parts) =>
        new(id, "message", status) { Role = "assistant", Content = parts };

    private static ResponseItem Reasoning(string id, string text) =>
        new(id, "reasoning", "completed") { Summary = [new ResponsePart("summary_text", text)] };

    private static ResponseItem CallItem(string id, FunctionCallContent call) =>
        new(id, "function_call", "completed")
        {
            CallId = call.CallId,
            Name = call.Name,
            Arguments = ToolFields.ArgumentText(call),
        };
}
