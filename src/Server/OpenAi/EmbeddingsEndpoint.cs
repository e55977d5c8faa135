using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary><c>POST /v1/embeddings</c>, for texts and pictures.</summary>
internal sealed class EmbeddingsEndpoint(EmbeddingInputs embeddings, RequestBody bodies)
{
    public async Task HandleAsync(HttpContext context)
    {
        (string? model, IReadOnlyList<AIContent> inputs, bool isBase64, long? dimensions, TimeSpan? keepAlive) = await ReadAsync(context);
        (IReadOnlyList<float[]> vectors, int tokenCount, Models.ModelLease lease) = await embeddings.EncodeAsync(
            model,
            inputs,
            keepAlive,
            context.RequestAborted
        );
        if (dimensions is long wanted && wanted != vectors[0].Length)
            throw ApiException.Field("dimensions", $"must be {vectors[0].Length}, as the model's vectors are.");
        var list = new EmbeddingList(
            "list",
            [.. vectors.Select((vector, index) => new EmbeddingEntry("embedding", index, isBase64 ? Base64(vector) : Numbers(vector)))],
            lease.Loaded.Name,
            new EmbeddingUsage(tokenCount, tokenCount)
        );
        await Documents.WriteAsync(context, list, ServerJson.Plain.EmbeddingList);
    }

    private async Task<(string? Model, IReadOnlyList<AIContent> Inputs, bool IsBase64, long? Dimensions, TimeSpan? KeepAlive)> ReadAsync(
        HttpContext context
    )
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        bool isBase64 = body.Text("encoding_format") switch
        {
            null or "float" => false,
            "base64" => true,
            _ => throw ApiException.Field("encoding_format", "must be float or base64."),
        };
        long? dimensions = body.Whole("dimensions", 1, int.MaxValue);
        string? model = body.Text("model");
        TimeSpan? keepAlive = KeepAlive.Read(body);
        return (model, await embeddings.ReadAsync(body, "input", context.RequestAborted), isBase64, dimensions, keepAlive);
    }

    private static JsonElement Base64(float[] vector)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<float>(vector);
        return JsonDocument.Parse($"\"{Convert.ToBase64String(bytes)}\"").RootElement;
    }

    private static JsonElement Numbers(float[] vector)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartArray();
            foreach (float value in vector)
                writer.WriteNumberValue(value);
            writer.WriteEndArray();
        }

        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }
}
