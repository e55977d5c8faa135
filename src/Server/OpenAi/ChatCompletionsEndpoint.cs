using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletionsEndpoint(AnswerDesk desk, RequestBody bodies, MessageFields messages, ServerOptions server)
{
    private const int MaxLikeliest = GenerationOptions.MaxLogProbabilityCount;

    public async Task HandleAsync(HttpContext context)
    {
        (AnswerCall call, bool streams, bool withUsage) = await ReadAsync(context);
        await using RunningAnswer answer = await desk.StartAsync(call, context);
        await answer.BeginAsync();
        var writer = new ChatCompletionWriter(answer, call.IgnoredFields, withUsage);
        if (streams)
            await writer.StreamAsync(context);
        else
            await Documents.WriteAsync(context, await writer.WholeAsync(), ServerJson.Plain.ChatCompletion);
    }

    // The body's memory is given back before the answer begins.
    private async Task<(AnswerCall Call, bool Streams, bool WithUsage)> ReadAsync(HttpContext context)
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        string? model = body.Text("model");
        ChatOptions options = SamplingFields.Read(body, server.MaxTokens);
        if (body.Whole("n", 1, long.MaxValue) is > 1)
            throw ApiException.Field("n", "must be 1: ask several times, the prompt is computed once.");
        if (
            body.List("modalities", 8)?.Any(static kind => kind.Value.ValueKind != JsonValueKind.String || kind.Value.GetString() != "text")
            == true
        )
            throw ApiException.Field("modalities", "must be [\"text\"].");
        ToolFields.Read(body, options, isFlat: false);
        options.ResponseFormat = ToolFields.Format(body.Object("response_format"), isFlat: false);
        options.Reasoning = SamplingFields.Reasoning(body.Text("reasoning_effort"), "reasoning_effort");
        int? likeliest = (int?)body.Whole("top_logprobs", 0, MaxLikeliest);
        SamplingFields.AddProbabilities(options, body.Flag("logprobs") == true ? likeliest ?? 0 : null);
        bool streams = body.Flag("stream") ?? false;
        Fields? streamOptions = body.Object("stream_options");
        bool withUsage = streamOptions?.Flag("include_usage") ?? false;
        TimeSpan? keepAlive = KeepAlive.Read(body);
        IReadOnlyList<ChatMessage> read = await messages.ReadAsync(body, options, context.RequestAborted);
        var call = new AnswerCall(model, read, options) { KeepAlive = keepAlive, IgnoredFields = [.. body.Unread.Take(32)] };
        return (call, streams, withUsage);
    }
}
