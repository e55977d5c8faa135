using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Pictures;

namespace Tessera.Server.OpenAi;

/// <summary>Reads the messages of a chat.</summary>
/// <param name="pictures">Reads their pictures.</param>
internal sealed class MessageFields(PictureReader pictures)
{
    private const int MaxMessages = 4096;
    private const int MaxParts = 1024;
    private const int MaxCalls = 128;

    /// <summary>All messages.</summary>
    public async Task<IReadOnlyList<ChatMessage>> ReadAsync(Fields body, ChatOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<(JsonElement Value, string Path)> list = body.List("messages", MaxMessages) ?? throw body.Missing("messages");
        if (list.Count == 0)
            throw ApiException.Field("messages", "has no message.");
        var messages = new List<ChatMessage>();
        foreach ((JsonElement value, string path) in list)
            messages.Add(await MessageAsync(Fields.Of(value, path), options, cancellationToken));
        return messages;
    }

    /// <summary>The parts of a content: one text, or a list.</summary>
    /// <param name="content">The content.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="options">Gets the limits that a picture's detail sets.</param>
    /// <param name="cancellationToken">Stops fetching pictures.</param>
    public async Task<List<AIContent>> PartsAsync(
        JsonElement content,
        string path,
        ChatOptions options,
        CancellationToken cancellationToken
    )
    {
        if (content.ValueKind == JsonValueKind.String)
            return [new TextContent(Fields.TextOf(content, path))];
        if (content.ValueKind != JsonValueKind.Array)
            throw ApiException.Field(path, "must be a text or a list of parts.");
        if (content.GetArrayLength() > MaxParts)
            throw ApiException.Field(path, $"has more than {MaxParts} parts.");
        var parts = new List<AIContent>();
        foreach (JsonElement item in content.EnumerateArray())
            parts.Add(await PartAsync(Fields.Of(item, $"{path}[{parts.Count}]"), options, cancellationToken));
        return parts;
    }

    private async Task<ChatMessage> MessageAsync(Fields message, ChatOptions options, CancellationToken cancellationToken)
    {
        string role = message.RequiredText("role");
        List<AIContent> parts = message.Any("content") is { } content
            ? await PartsAsync(content, message.At("content"), options, cancellationToken)
            : [];
        switch (role)
        {
            case "system" or "developer":
                return new ChatMessage(ChatRole.System, Required(parts, message));
            case "user":
                return new ChatMessage(ChatRole.User, Required(parts, message));
            case "assistant":
                return new ChatMessage(ChatRole.Assistant, [.. Thought(message), .. parts, .. Calls(message)]);
            case "tool":
                string result = string.Concat(Required(parts, message).Select(part => TextOf(part, message)));
                return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(message.RequiredText("tool_call_id"), result)]);
            default:
                throw ApiException.Field(message.At("role"), "must be system, developer, user, assistant or tool.");
        }
    }

    private async Task<AIContent> PartAsync(Fields part, ChatOptions options, CancellationToken cancellationToken)
    {
        switch (part.RequiredText("type"))
        {
            case "text" or "input_text" or "output_text" or "refusal":
                return new TextContent(part.Text("text") ?? part.Text("refusal") ?? throw part.Missing("text"));
            case "image_url":
                JsonElement image = part.Any("image_url") ?? throw part.Missing("image_url");
                if (image.ValueKind != JsonValueKind.Object)
                    return await pictures.ReadAsync(image, part.At("image_url"), cancellationToken);
                var fields = Fields.Of(image, part.At("image_url"));
                SetDetail(fields, options);
                return await pictures.ReadAsync(fields.Any("url") ?? throw fields.Missing("url"), fields.At("url"), cancellationToken);
            case "input_image":
                SetDetail(part, options);
                JsonElement url =
                    part.Any("image_url")
                    ?? throw ApiException.Field(part.At("image_url"), "is missing: this server keeps no files to name by file_id.");
                return await pictures.ReadAsync(url, part.At("image_url"), cancellationToken);
            case var type:
                throw ApiException.Field(
                    part.At("type"),
                    $"is '{Shared.PlainText.Quote(type)}': the model takes text and pictures (text, image_url)."
                );
        }
    }

    // One slice is what a low detail means; it holds for all pictures of the request.
    private static void SetDetail(Fields image, ChatOptions options)
    {
        switch (image.Text("detail"))
        {
            case "low":
                options.AdditionalProperties!.TryAdd("max_slices", 1);
                break;
            case null or "auto" or "high" or "original":
                break;
            default:
                throw ApiException.Field(image.At("detail"), "must be auto, low or high.");
        }
    }

    private static List<AIContent> Required(List<AIContent> parts, Fields message) =>
        parts.Count > 0 ? parts : throw message.Missing("content");

    private static string TextOf(AIContent part, Fields message) =>
        part is TextContent text
            ? text.Text
            : throw ApiException.Field(message.At("content"), "must be text: a tool's result has no pictures.");

    private static IEnumerable<AIContent> Thought(Fields message)
    {
        if (message.Text("reasoning_content") is { Length: > 0 } thought)
            yield return new TextReasoningContent(thought);
    }

    private static IEnumerable<AIContent> Calls(Fields message)
    {
        foreach ((JsonElement value, string path) in message.List("tool_calls", MaxCalls) ?? [])
        {
            var call = Fields.Of(value, path);
            Fields function = call.Object("function") ?? throw call.Missing("function");
            yield return ToolFields.Call(call.RequiredText("id"), function, call.At("function"));
        }
    }
}
