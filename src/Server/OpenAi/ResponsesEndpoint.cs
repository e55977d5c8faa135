using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary><c>POST /v1/responses</c>: the same answers as chat completions, without a memory on the server.</summary>
internal sealed class ResponsesEndpoint(AnswerDesk desk, RequestBody bodies, MessageFields messages, ServerOptions server)
{
    private const int MaxItems = 4096;
    private const int MaxIncludes = 32;
    private const string ProbabilityInclude = "message.output_text.logprobs";

    public async Task HandleAsync(HttpContext context)
    {
        (AnswerCall call, ResponseEcho echo, bool streams) = await ReadAsync(context);
        await using RunningAnswer answer = await desk.StartAsync(call, context);
        await answer.BeginAsync();
        var writer = new ResponseWriter(answer, echo, call.IgnoredFields);
        if (streams)
            await writer.StreamAsync(context);
        else
            await Documents.WriteAsync(context, await writer.WholeAsync(), ServerJson.Plain.ResponseDocument);
    }

    private async Task<(AnswerCall Call, ResponseEcho Echo, bool Streams)> ReadAsync(HttpContext context)
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        string? model = body.Text("model");
        if (body.Any("previous_response_id") is not null || body.Any("conversation") is not null)
            throw ApiException.Field(
                "previous_response_id",
                "cannot be used: this server keeps no conversations, so send all items (what was computed for them is reused)."
            );
        ChatOptions options = SamplingFields.Read(body, server.MaxTokens);
        ToolFields.Read(body, options, isFlat: true);
        options.ResponseFormat = ToolFields.Format(body.Object("text")?.Object("format"), isFlat: true);
        options.Reasoning = SamplingFields.Reasoning(body.Object("reasoning")?.Text("effort"), "reasoning.effort");
        int? likeliest = (int?)body.Whole("top_logprobs", 0, GenerationOptions.MaxLogProbabilityCount);
        bool wantsProbabilities = likeliest > 0 || body.Texts("include", MaxIncludes)?.Contains(ProbabilityInclude) == true;
        SamplingFields.AddProbabilities(options, wantsProbabilities ? likeliest ?? 0 : null);
        bool streams = body.Flag("stream") ?? false;
        TimeSpan? keepAlive = KeepAlive.Read(body);
        var conversation = new List<ChatMessage>();
        if (body.Text("instructions") is { Length: > 0 } instructions)
            conversation.Add(new ChatMessage(ChatRole.System, instructions));
        await AddInputAsync(body, options, conversation, context.RequestAborted);
        var echo = ResponseEcho.Of(body, options);
        var call = new AnswerCall(model, conversation, options) { KeepAlive = keepAlive, IgnoredFields = [.. body.Unread.Take(32)] };
        return (call, echo, streams);
    }

    private async Task AddInputAsync(Fields body, ChatOptions options, List<ChatMessage> conversation, CancellationToken cancellationToken)
    {
        JsonElement input = body.Any("input") ?? throw body.Missing("input");
        if (input.ValueKind == JsonValueKind.String)
        {
            conversation.Add(new ChatMessage(ChatRole.User, body.Text("input")));
            return;
        }

        foreach ((JsonElement value, string path) in body.List("input", MaxItems)!)
            conversation.Add(await ItemAsync(Fields.Of(value, path), options, cancellationToken));
    }

    private async Task<ChatMessage> ItemAsync(Fields item, ChatOptions options, CancellationToken cancellationToken)
    {
        switch (item.Text("type"))
        {
            case null or "message":
                JsonElement content = item.Any("content") ?? throw item.Missing("content");
                return new ChatMessage(Role(item), await messages.PartsAsync(content, item.At("content"), options, cancellationToken));
            case "function_call":
                return new ChatMessage(ChatRole.Assistant, [ToolFields.Call(item.RequiredText("call_id"), item, item.At(""))]);
            case "function_call_output":
                JsonElement output = item.Any("output") ?? throw item.Missing("output");
                string text = output.ValueKind == JsonValueKind.String ? Fields.TextOf(output, item.At("output")) : output.GetRawText();
                return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(item.RequiredText("call_id"), text)]);
            case "reasoning":
                string thought = string.Concat(
                    (item.List("summary", 64) ?? []).Select(static part => Fields.Of(part.Value, part.Path).Text("text"))
                );
                return new ChatMessage(ChatRole.Assistant, [new TextReasoningContent(thought)]);
            case var type:
                throw ApiException.Field(
                    item.At("type"),
                    $"is '{Shared.PlainText.Quote(type)}': take message, function_call or function_call_output."
                );
        }
    }

    private static ChatRole Role(Fields item) =>
        item.RequiredText("role") switch
        {
            "user" => ChatRole.User,
            "assistant" => ChatRole.Assistant,
            "system" or "developer" => ChatRole.System,
            _ => throw ApiException.Field(item.At("role"), "must be user, assistant, system or developer."),
        };
}
