using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tessera.Server.Hosting;

namespace Tessera.Server.Json;

/// <summary>Reads the bodies of requests, as many bytes at once as memory is meant to hold.</summary>
/// <param name="options">The limits.</param>
internal sealed class RequestBody(ServerOptions options)
{
    private const long SmallBytes = 1 << 20;
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 64 };
    private long pendingBytes;

    /// <summary>The body as a JSON object; disposing it gives back its memory.</summary>
    public async Task<PendingBody> ReadAsync(HttpContext context)
    {
        long reserved = Reserve(context.Request.ContentLength);
        try
        {
            JsonDocument document = await JsonDocument.ParseAsync(context.Request.Body, Depth, context.RequestAborted);
            return new PendingBody(document, () => Interlocked.Add(ref pendingBytes, -reserved));
        }
        catch
        {
            Interlocked.Add(ref pendingBytes, -reserved);
            throw;
        }
    }

    /// <summary>The body as it is.</summary>
    public async Task<byte[]> ReadBytesAsync(HttpContext context)
    {
        long reserved = Reserve(context.Request.ContentLength);
        try
        {
            using var bytes = new MemoryStream();
            await context.Request.Body.CopyToAsync(bytes, context.RequestAborted);
            return bytes.ToArray();
        }
        finally
        {
            Interlocked.Add(ref pendingBytes, -reserved);
        }
    }

    // Small bodies are not worth counting; one whose length is not known may be of any.
    private long Reserve(long? length)
    {
        if (length > options.MaxBodyBytes)
            throw new BadHttpRequestException("", StatusCodes.Status413PayloadTooLarge);
        long wanted = length ?? options.MaxBodyBytes;
        if (wanted <= SmallBytes)
            return 0;
        if (Interlocked.Add(ref pendingBytes, wanted) <= Math.Max(options.MaxPendingBodyBytes, options.MaxBodyBytes))
            return wanted;
        Interlocked.Add(ref pendingBytes, -wanted);
        throw ApiException.Busy("Too many large requests are coming in at once: ask again later.");
    }
}

/// <summary>A body that was read.</summary>
internal sealed class PendingBody(JsonDocument document, Action release) : IDisposable
{
    private Action? release = release;

    public Fields Fields { get; } = Fields.Of(document.RootElement, "");

    public void Dispose()
    {
        if (Interlocked.Exchange(ref release, null) is not { } once)
            return;
        document.Dispose();
        once();
    }
}
