using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.OpenAi;
using Tessera.Server.Pictures;

namespace Tessera.Server.Ollama;

/// <summary>Reads requests of Ollama's API.</summary>
internal static class OllamaFields
{
    private const int MaxMessages = 4096;
    private const int MaxImages = 1024;

    // Of how Ollama runs models; what of it matters here is said when the server starts.
    private static readonly string[] Meaningless =
    [
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "num_keep",
        "use_mmap",
        "use_mlock",
        "numa",
        "low_vram",
        "vocab_only",
        "f16_kv",
    ];

    /// <summary>How to answer: <c>options</c>, <c>format</c>, <c>think</c>, <c>logprobs</c>.</summary>
    public static ChatOptions Options(Fields body, int defaultMaxTokens, List<string> ignored)
    {
        Fields? given = body.Object("options");
        ChatOptions options = SamplingFields.Read(given ?? new Fields(EmptyObject, "options"), defaultMaxTokens);
        if (given is not null)
        {
            if (given.Whole("num_predict", int.MinValue, long.MaxValue) is long most)
                options.MaxOutputTokens = most > 0 ? (int)Math.Min(most, 1 << 24) : 1 << 24;
            given.Ignore(Meaningless);
            ignored.AddRange(given.Unread.Take(32).Select(static name => $"options.{name}"));
        }

        options.ResponseFormat = Format(body);
        options.Reasoning = Thinking(body);
        int? likeliest = (int?)body.Whole("top_logprobs", 0, GenerationOptions.MaxLogProbabilityCount);
        SamplingFields.AddProbabilities(options, body.Flag("logprobs") == true ? likeliest ?? 0 : null);
        return options;
    }

    /// <summary>The messages of a chat.</summary>
    public static List<ChatMessage> Messages(Fields body)
    {
        var messages = new List<ChatMessage>();
        // Calls have no ids here: a result belongs to the call before it, by name where there is one.
        var open = new Queue<(string Id, string Name)>();
        foreach ((JsonElement value, string path) in body.List("messages", MaxMessages) ?? [])
            messages.Add(Message(Fields.Of(value, path), open));
        return messages;
    }

    /// <summary>A list of pictures in base64.</summary>
    public static IEnumerable<AIContent> Pictures(Fields message) =>
        (message.List("images", MaxImages) ?? []).Select(static image => PictureReader.OfBase64(image.Value, image.Path));

    private static JsonElement EmptyObject { get; } = JsonDocument.Parse("{}").RootElement;

    private static ChatMessage Message(Fields message, Queue<(string Id, string Name)> open)
    {
        string text = message.Text("content") ?? "";
        switch (message.RequiredText("role"))
        {
            case "system":
                return new ChatMessage(ChatRole.System, text);
            case "user":
                return new ChatMessage(ChatRole.User, [.. Pictures(message), new TextContent(text)]);
            case "assistant":
                var parts = new List<AIContent>();
                if (message.Text("thinking") is { Length: > 0 } thought)
                    parts.Add(new TextReasoningContent(thought));
                if (text.Length > 0)
                    parts.Add(new TextContent(text));
                parts.AddRange(Calls(message, open));
                return new ChatMessage(ChatRole.Assistant, parts);
            case "tool":
                string id = message.Text("tool_call_id") ?? TakeId(open, message.Text("tool_name") ?? message.Text("name"));
                return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(id, text)]);
            default:
                throw ApiException.Field(message.At("role"), "must be system, user, assistant or tool.");
        }
    }

    private static IEnumerable<AIContent> Calls(Fields message, Queue<(string Id, string Name)> open)
    {
        foreach ((JsonElement value, string path) in message.List("tool_calls", 128) ?? [])
        {
            var call = Fields.Of(value, path);
            Fields function = call.Object("function") ?? throw call.Missing("function");
            string name = function.RequiredText("name");
            string id = call.Text("id") ?? $"call{open.Count:00000}";
            open.Enqueue((id, name));
            Dictionary<string, object?> arguments = function.Any("arguments") is { } given
                ? ToolFields.ArgumentsOf(given, call.At("function"))
                : [];
            yield return new FunctionCallContent(id, name, arguments);
        }
    }

    private static string TakeId(Queue<(string Id, string Name)> open, string? name)
    {
        for (int left = open.Count; left > 0; left--)
        {
            (string Id, string Name) call = open.Dequeue();
            if (name is null || call.Name == name)
                return call.Id;
            open.Enqueue(call);
        }

        return "call00000";
    }

    private static ChatResponseFormatJson? Format(Fields body)
    {
        if (body.Any("format") is not { } format)
            return null;
        if (format.ValueKind == JsonValueKind.Object)
            return ChatResponseFormat.ForJsonSchema(format.Clone());
        return Fields.TextOf(format, "format") switch
        {
            "" => null,
            "json" => ChatResponseFormat.Json,
            _ => throw ApiException.Field("format", "must be \"json\" or a JSON Schema."),
        };
    }

    private static ReasoningOptions? Thinking(Fields body) =>
        body.Any("think") is not { } think ? null
        : think.ValueKind == JsonValueKind.String ? SamplingFields.Reasoning(think.GetString(), "think")
        : new ReasoningOptions { Effort = body.Flag("think") == true ? ReasoningEffort.Medium : ReasoningEffort.None };
}
