using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Json;
using Tessera.Server.Models;
using Tessera.Server.OpenAi;

namespace Tessera.Server.Ollama;

/// <summary><c>POST /api/embed</c> and the older <c>POST /api/embeddings</c>.</summary>
internal sealed class OllamaEmbedEndpoint(EmbeddingInputs embeddings, RequestBody bodies)
{
    public async Task EmbedAsync(HttpContext context)
    {
        long started = Stopwatch.GetTimestamp();
        (string? model, IReadOnlyList<AIContent> inputs, TimeSpan? keepAlive) = await ReadAsync(context, "input");
        (IReadOnlyList<float[]> vectors, int tokenCount, ModelLease lease) = await embeddings.EncodeAsync(
            model,
            inputs,
            keepAlive,
            context.RequestAborted
        );
        var document = new OllamaEmbeddings(
            lease.Loaded.Name,
            vectors,
            (long)Stopwatch.GetElapsedTime(started).TotalNanoseconds,
            (long)lease.LoadTime.TotalNanoseconds,
            tokenCount
        );
        await Documents.WriteAsync(context, document, ServerJson.Plain.OllamaEmbeddings);
    }

    public async Task OldAsync(HttpContext context)
    {
        (string? model, IReadOnlyList<AIContent> inputs, TimeSpan? keepAlive) = await ReadAsync(context, "prompt");
        (IReadOnlyList<float[]> vectors, _, _) = await embeddings.EncodeAsync(model, inputs, keepAlive, context.RequestAborted);
        await Documents.WriteAsync(context, new OllamaEmbedding(vectors[0]), ServerJson.Plain.OllamaEmbedding);
    }

    private async Task<(string? Model, IReadOnlyList<AIContent> Inputs, TimeSpan? KeepAlive)> ReadAsync(HttpContext context, string name)
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        string model = body.RequiredText("model");
        TimeSpan? keepAlive = KeepAlive.Read(body);
        return (model, await embeddings.ReadAsync(body, name, context.RequestAborted), keepAlive);
    }
}
