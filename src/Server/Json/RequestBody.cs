using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tessera.Server.Hosting;

namespace Tessera.Server.Json;

/// <summary>Reads the bodies of requests, as many bytes at once as memory is meant to hold.</summary>
/// <param name="options">The limits.</param>
internal sealed class RequestBody(ServerOptions options)
{
    private const long SmallBytes = 1 << 20;

    // What is kept of each value takes more than the shortest ones do themselves.
    private const int MaxValues = 1_000_000;
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 64 };
    private long pendingBytes;

    /// <summary>The body as a JSON object; disposing it gives back its memory.</summary>
    public async Task<PendingBody> ReadAsync(HttpContext context)
    {
        if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
            throw new ApiException(
                StatusCodes.Status415UnsupportedMediaType,
                "The body is compressed (Content-Encoding), which this server does not take.",
                code: "unsupported_encoding"
            );
        long reserved = Reserve(context.Request.ContentLength);
        var memory = new BodyMemory();
        try
        {
            await FillAsync(memory, context);
            RequireFewValues(memory.Read.Span);
            return new PendingBody(JsonDocument.Parse(memory.Read, Depth), () => Release(memory, reserved));
        }
        catch
        {
            Release(memory, reserved);
            throw;
        }
    }

    /// <summary>The body as it is.</summary>
    public async Task<byte[]> ReadBytesAsync(HttpContext context)
    {
        long reserved = Reserve(context.Request.ContentLength);
        var memory = new BodyMemory();
        try
        {
            await FillAsync(memory, context);
            return memory.Read.ToArray();
        }
        finally
        {
            Release(memory, reserved);
        }
    }

    private static async Task FillAsync(BodyMemory memory, HttpContext context)
    {
        int expected = (int)(context.Request.ContentLength ?? 0);
        int count;
        do
        {
            // At the end of what was announced there is no more room to ask for.
            if (expected > 0 && memory.Length == expected)
                return;
            count = await context.Request.Body.ReadAsync(memory.Room(expected), context.RequestAborted);
            memory.Advance(count);
        } while (count > 0);
    }

    private static void RequireFewValues(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Depth.MaxDepth });
        for (int count = 0; reader.Read(); count++)
            if (count >= MaxValues)
                throw new ApiException(
                    StatusCodes.Status400BadRequest,
                    $"The body has more than {MaxValues} values.",
                    code: "invalid_json"
                );
    }

    private void Release(BodyMemory memory, long reserved)
    {
        ((IDisposable)memory).Dispose();
        Interlocked.Add(ref pendingBytes, -reserved);
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
