using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>Sends the events of a response, numbered.</summary>
internal sealed class ResponseEvents(HttpContext context)
{
    private readonly EventStream stream = new(context, isLines: false);
    private int sequence;

    public Task SendAsync(string type, Func<ResponseEvent, ResponseEvent> fill) =>
        stream.SendAsync(fill(new ResponseEvent(type, sequence++)), ServerJson.Plain.ResponseEvent, type);

    public Task FailAsync(ApiException error) =>
        stream.SendAsync(
            new ResponseErrorEvent("error", sequence++, error.Code ?? error.Type, error.Message, error.Param),
            ServerJson.Plain.ResponseErrorEvent,
            "error"
        );
}

/// <summary>Makes the items of a response out of what comes of an answer, one after another, and tells of each.</summary>
internal sealed class ResponseItems(ResponseEvents events)
{
    private readonly List<ResponseItem> output = [];
    private OpenItem? open;

    /// <summary>The items so far.</summary>
    public IReadOnlyList<ResponseItem> Output => output;

    /// <summary>Goes on with what an update brings.</summary>
    public async Task TakeAsync(ChatResponseUpdate update)
    {
        IReadOnlyList<TokenLogProbability> chosen = (update.RawRepresentation as GenerationUpdate)?.LogProbabilities ?? [];
        foreach (AIContent content in update.Contents)
        {
            if (content is TextReasoningContent { Text.Length: > 0 } thought)
                await AddAsync(isThought: true, thought.Text, []);
            else if (content is TextContent { Text.Length: > 0 } text)
                await AddAsync(isThought: false, text.Text, chosen);
            else if (content is FunctionCallContent call)
                await CallAsync(ResponseItem.Call(call));
        }
    }

    /// <summary>Ends the item that is open; an answer of nothing is an empty message.</summary>
    public async Task EndAsync(string status)
    {
        if (output.Count == 0)
            await OpenAsync(isThought: false);
        await CloseAsync(status);
    }

    private async Task AddAsync(bool isThought, string text, IReadOnlyList<TokenLogProbability> chosen)
    {
        if (open?.IsThought != isThought)
        {
            await CloseAsync("completed");
            await OpenAsync(isThought);
        }

        open!.Text.Append(text);
        open.Chosen.AddRange(chosen);
        if (isThought)
            await SendAsync("response.reasoning_summary_text.delta", happened => happened with { Delta = text });
        else
            await SendAsync(
                "response.output_text.delta",
                happened => happened with { Delta = text, Logprobs = [.. chosen.Select(ChatLogProbability.Of)] }
            );
    }

    private async Task OpenAsync(bool isThought)
    {
        open = new OpenItem(ResponseItem.NewId(isThought ? "rs" : "msg"), output.Count, isThought);
        ResponseItem begun = isThought ? ResponseItem.Reasoning(open.Id, "in_progress") : ResponseItem.Message(open.Id, "in_progress");
        output.Add(begun);
        await TellAsync("response.output_item.added", open.Index, begun);
        await SendAsync(
            isThought ? "response.reasoning_summary_part.added" : "response.content_part.added",
            happened => happened with { Part = isThought ? ResponsePart.Thought("") : ResponsePart.Output("", []) }
        );
    }

    private async Task CloseAsync(string status)
    {
        if (open is null)
            return;
        string text = open.Text.ToString();
        ResponsePart part = open.IsThought ? ResponsePart.Thought(text) : ResponsePart.Output(text, open.Chosen);
        string kind = open.IsThought ? "response.reasoning_summary" : "response.output";
        await SendAsync($"{kind}_text.done", happened => happened with { Text = text, Logprobs = part.Logprobs });
        await SendAsync(
            open.IsThought ? "response.reasoning_summary_part.done" : "response.content_part.done",
            happened => happened with { Part = part }
        );
        ResponseItem item = open.IsThought ? ResponseItem.Reasoning(open.Id, status, part) : ResponseItem.Message(open.Id, status, part);
        output[open.Index] = item;
        await TellAsync("response.output_item.done", open.Index, item);
        open = null;
    }

    private async Task CallAsync(ResponseItem call)
    {
        await CloseAsync("completed");
        int index = output.Count;
        output.Add(call);
        await TellAsync("response.output_item.added", index, call with { Status = "in_progress", Arguments = "" });
        await events.SendAsync(
            "response.function_call_arguments.delta",
            happened => happened with { OutputIndex = index, ItemId = call.Id, Delta = call.Arguments }
        );
        await events.SendAsync(
            "response.function_call_arguments.done",
            happened => happened with { OutputIndex = index, ItemId = call.Id, Name = call.Name, Arguments = call.Arguments }
        );
        await TellAsync("response.output_item.done", index, call);
    }

    private Task TellAsync(string type, int index, ResponseItem item) =>
        events.SendAsync(type, happened => happened with { OutputIndex = index, Item = item });

    // Of the item that is open.
    private Task SendAsync(string type, Func<ResponseEvent, ResponseEvent> fill) =>
        events.SendAsync(
            type,
            happened =>
                fill(happened) with
                {
                    ItemId = open!.Id,
                    OutputIndex = open.Index,
                    ContentIndex = open.IsThought ? null : 0,
                    SummaryIndex = open.IsThought ? 0 : null,
                }
        );

    private sealed record OpenItem(string Id, int Index, bool IsThought)
    {
        public StringBuilder Text { get; } = new();

        public List<TokenLogProbability> Chosen { get; } = [];
    }
}
