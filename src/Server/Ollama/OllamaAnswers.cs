using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Models;
using Tessera.Server.OpenAi;

namespace Tessera.Server.Ollama;

/// <summary><c>POST /api/chat</c> and <c>POST /api/generate</c>.</summary>
internal sealed class OllamaAnswers(AnswerDesk desk, ModelShelf shelf, RequestBody bodies, ServerOptions server)
{
    public Task ChatAsync(HttpContext context) => AnswerAsync(context, isChat: true);

    public Task GenerateAsync(HttpContext context) => AnswerAsync(context, isChat: false);

    private async Task AnswerAsync(HttpContext context, bool isChat)
    {
        long started = Stopwatch.GetTimestamp();
        AnswerCall call;
        bool streams;
        using (PendingBody pending = await bodies.ReadAsync(context))
        {
            call = isChat ? ReadChat(pending.Fields) : ReadGenerate(pending.Fields);
            streams = pending.Fields.Flag("stream") ?? true;
        }

        if (call.Messages.Count == 0)
        {
            await LoadAsync(context, call, isChat);
            return;
        }

        await using RunningAnswer answer = await desk.StartAsync(call, context);
        await answer.BeginAsync();
        var writer = new OllamaWriter(answer, call.IgnoredFields, isChat, started);
        if (streams)
            await writer.StreamAsync(context);
        else
            await Documents.WriteAsync(context, await writer.WholeAsync(), ServerJson.Plain.OllamaAnswer);
    }

    private AnswerCall ReadChat(Fields body)
    {
        string model = body.RequiredText("model");
        var ignored = new List<string>();
        ChatOptions options = OllamaFields.Options(body, server.MaxTokens, ignored);
        ToolFields.Read(body, options, isFlat: false);
        return Call(body, model, OllamaFields.Messages(body), options, ignored);
    }

    private AnswerCall ReadGenerate(Fields body)
    {
        string model = body.RequiredText("model");
        var ignored = new List<string>();
        ChatOptions options = OllamaFields.Options(body, server.MaxTokens, ignored);
        if (body.Flag("raw") == true || body.Text("template") is { Length: > 0 } || body.Text("suffix") is { Length: > 0 })
            throw new ApiException(400, "raw, template and suffix are not supported: the model's own chat template is used.", "raw");
        var messages = new List<ChatMessage>();
        string prompt = body.Text("prompt") ?? "";
        AIContent[] pictures = [.. OllamaFields.Pictures(body)];
        if (prompt.Length > 0 || pictures.Length > 0)
        {
            if (body.Text("system") is { Length: > 0 } system)
                messages.Add(new ChatMessage(ChatRole.System, system));
            messages.Add(new ChatMessage(ChatRole.User, [.. pictures, new TextContent(prompt)]));
        }

        body.Ignore("system", "context");
        return Call(body, model, messages, options, ignored);
    }

    private static AnswerCall Call(Fields body, string model, List<ChatMessage> messages, ChatOptions options, List<string> ignored)
    {
        body.Ignore("stream");
        TimeSpan? keepAlive = KeepAlive.Read(body);
        return new AnswerCall(model, messages, options) { KeepAlive = keepAlive, IgnoredFields = [.. ignored, .. body.Unread.Take(32)] };
    }

    // Without a message, a model is loaded; with no time to stay, it is unloaded.
    private async Task LoadAsync(HttpContext context, AnswerCall call, bool isChat)
    {
        bool unloads = call.KeepAlive == TimeSpan.Zero;
        if (unloads)
            shelf.Unload(call.Model!);
        else
            (await shelf.LeaseAsync(call.Model, call.KeepAlive, context.RequestAborted)).Dispose();
        var done = new OllamaAnswer(shelf.Find(call.Model).Name, OllamaModels.Time(DateTimeOffset.UtcNow))
        {
            Message = isChat ? new OllamaMessage("assistant", "") : null,
            Response = isChat ? null : "",
            Done = true,
            DoneReason = unloads ? "unload" : "load",
        };
        await Documents.WriteAsync(context, done, ServerJson.Plain.OllamaAnswer);
    }
}
