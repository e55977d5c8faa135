using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Models;
using Tessera.Server.Pictures;

namespace Tessera.Server.OpenAi;

/// <summary>Makes a vector of each text and picture: the mean of what enters the language model for it, scaled to length 1. Both are in
/// one space.</summary>
internal sealed class EmbeddingInputs(AnswerDesk desk, ModelShelf shelf, PictureReader pictures)
{
    private const int MaxInputs = 2048;

    /// <summary>Reads the inputs of a request: texts, data URIs, or parts as in a chat.</summary>
    public async Task<IReadOnlyList<AIContent>> ReadAsync(Fields body, string name, CancellationToken cancellationToken)
    {
        JsonElement input = body.Any(name) ?? throw body.Missing(name);
        if (input.ValueKind != JsonValueKind.Array)
            return [await OneAsync(input, body.At(name), cancellationToken)];
        var contents = new List<AIContent>();
        foreach ((JsonElement value, string path) in body.List(name, MaxInputs)!)
            contents.Add(await OneAsync(value, path, cancellationToken));
        return contents.Count > 0 ? contents : throw ApiException.Field(body.At(name), "has no input.");
    }

    /// <summary>The vectors, in order, with the tokens that they were made of and what loading took.</summary>
    public async Task<(IReadOnlyList<float[]> Vectors, int TokenCount, ModelLease Lease)> EncodeAsync(
        string? model,
        IReadOnlyList<AIContent> inputs,
        TimeSpan? keepAlive,
        CancellationToken cancellationToken
    )
    {
        shelf.Find(model);
        using IDisposable turn = await desk.TakeTurnAsync(cancellationToken);
        using ModelLease lease = await shelf.LeaseAsync(model, keepAlive, cancellationToken);
        int tokenCount = 0;
        var vectors = new List<float[]>();
        foreach (AIContent input in inputs)
        {
            ReadOnlyMemory<float> rows = input is DataContent picture
                ? (await lease.Model.EncodeAsync([new PromptImage(picture.Data, "input")], null, cancellationToken))[0]
                : await TextRowsAsync(lease.Model, ((TextContent)input).Text, cancellationToken);
            int width = lease.Model.EmbeddingWidth;
            tokenCount += rows.Length / width;
            vectors.Add(Extensions.AI.TesseraImageEmbeddingGenerator.DirectionOf(rows.Span, width));
        }

        return (vectors, tokenCount, lease);
    }

    private static async Task<ReadOnlyMemory<float>> TextRowsAsync(MultimodalModel model, string text, CancellationToken cancellationToken)
    {
        try
        {
            return await model.EncodeTextAsync(text, cancellationToken);
        }
        catch (TesseraException failure) when (failure.GetType() == typeof(TesseraException))
        {
            throw ApiException.Field("input", "is a text, of which this model makes no vectors.", failure);
        }
    }

    private async Task<AIContent> OneAsync(JsonElement value, string path, CancellationToken cancellationToken)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            string text = Fields.TextOf(value, path);
            if (text.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase))
                return await pictures.ReadAsync(value, path, cancellationToken);
            return text.Length > 0 ? new TextContent(text) : throw ApiException.Field(path, "is an empty text.");
        }

        if (value.ValueKind != JsonValueKind.Object)
            throw ApiException.Field(path, "must be a text, a data: URI of a picture, or a part as in a chat.");
        List<AIContent> parts = await new MessageFields(pictures).PartsAsync(
            JsonDocument.Parse($"[{value.GetRawText()}]").RootElement,
            path,
            new ChatOptions { AdditionalProperties = [] },
            cancellationToken
        );
        return parts[0];
    }
}
