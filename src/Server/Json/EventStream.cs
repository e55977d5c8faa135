using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Tessera.Server.Json;

/// <summary>Writes an answer piece by piece: server-sent events, or a JSON document on each line.</summary>
/// <param name="context">Who reads.</param>
/// <param name="isLines">Whether it is a document on each line.</param>
internal sealed class EventStream(HttpContext context, bool isLines)
{
    private bool hasBegun;

    /// <summary>Sends a document.</summary>
    /// <param name="document">The document.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="eventName">The event's name; null for none.</param>
    public Task SendAsync<T>(T document, JsonTypeInfo<T> type, string? eventName = null) =>
        SendAsync(JsonSerializer.SerializeToUtf8Bytes(document, type), eventName);

    /// <summary>Sends bytes as one event.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, string? eventName = null)
    {
        Begin();
        HttpResponse response = context.Response;
        if (eventName is not null)
            await response.WriteAsync($"event: {eventName}\n", context.RequestAborted);
        if (!isLines)
            response.BodyWriter.Write("data: "u8);
        response.BodyWriter.Write(bytes.Span);
        response.BodyWriter.Write(isLines ? "\n"u8 : "\n\n"u8);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private void Begin()
    {
        if (hasBegun)
            return;
        hasBegun = true;
        context.Response.ContentType = isLines ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        // Proxies such as nginx would collect the pieces otherwise.
        context.Response.Headers["X-Accel-Buffering"] = "no";
    }
}
