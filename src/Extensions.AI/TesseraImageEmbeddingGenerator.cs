using System.Globalization;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>
/// Makes one vector of each picture: the mean of the embeddings that enter the language model, scaled to length 1, so that the dot product
/// of two is their cosine. The rows themselves are to be had from <see cref="MultimodalModel.EncodeAsync"/>. Thread-safe.
/// </summary>
public sealed class TesseraImageEmbeddingGenerator : IEmbeddingGenerator<DataContent, Embedding<float>>
{
    // Bounds the memory of a batch; the engine puts the slices of all of them through the tower together.
    private const int BatchSize = 16;

    private readonly Func<CancellationToken, Task<MultimodalModel>> open;
    private readonly Func<MultimodalModel?> loaded;
    private readonly IDisposable? owned;
    private readonly string modelId;
    private int isDisposed;

    /// <summary>Encodes with a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelId">What the model is called; null for its file's name.</param>
    /// <param name="ownsModel">Whether disposing the generator disposes the model.</param>
    public TesseraImageEmbeddingGenerator(MultimodalModel model, string? modelId = null, bool ownsModel = false)
        : this(
            Opened(model ?? throw new ArgumentNullException(nameof(model))),
            () => model,
            modelId ?? Path.GetFileNameWithoutExtension(model.Path),
            ownsModel ? model : null
        ) { }

    internal TesseraImageEmbeddingGenerator(
        Func<CancellationToken, Task<MultimodalModel>> open,
        Func<MultimodalModel?> loaded,
        string modelId,
        IDisposable? owned = null
    ) => (this.open, this.loaded, this.modelId, this.owned) = (open, loaded, modelId, owned);

    private static Func<CancellationToken, Task<MultimodalModel>> Opened(MultimodalModel model) => _ => Task.FromResult(model);

    /// <summary>Makes the vectors, in the order of the pictures.</summary>
    /// <param name="values">The pictures.</param>
    /// <param name="options">Its dimensions and model must be the model's own, or null.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">One is no picture, damaged, or another than it says; named by its place.</exception>
    /// <exception cref="ChatOptionException">An option cannot be followed.</exception>
    /// <exception cref="TesseraException">The model sees no pictures, cannot be loaded, or fails.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<DataContent> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(values);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed) != 0, this);
        using GenAIOperation operation = GenAIOperation.Embeddings(modelId);
        try
        {
            return await EncodeAsync([.. values], options, operation, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            operation.Fail(failure);
            throw;
        }
    }

    /// <summary>Gives <see cref="EmbeddingGeneratorMetadata"/>, the <see cref="MultimodalModel"/> once it is loaded, or the generator
    /// itself.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata))
            return new EmbeddingGeneratorMetadata(TesseraTelemetry.ProviderName, null, modelId, loaded()?.Vision?.EmbeddingWidth);
        if (serviceType == typeof(MultimodalModel))
            return loaded();
        return serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Refuses further pictures, and disposes the model if the generator owns it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
            owned?.Dispose();
    }

    private async Task<GeneratedEmbeddings<Embedding<float>>> EncodeAsync(
        DataContent[] values,
        EmbeddingGenerationOptions? options,
        GenAIOperation operation,
        CancellationToken cancellationToken
    )
    {
        if (options?.ModelId is { } other && other != modelId)
            throw new ChatOptionException(
                nameof(EmbeddingGenerationOptions.ModelId),
                $"the generator encodes with {modelId}, not with {other}."
            );
        PromptImage[] images =
        [
            .. values.Select(
                static (value, index) =>
                    ImageReader.Read(value, string.Create(CultureInfo.InvariantCulture, $"picture {index} ({value.MediaType})"))
            ),
        ];
        MultimodalModel model = await open(cancellationToken).ConfigureAwait(false);
        int width =
            model.Vision?.EmbeddingWidth
            ?? throw new TesseraException($"{model.Path} was loaded without a vision projector, so it sees no pictures.");
        if (options?.Dimensions is int dimensions && dimensions != width)
            throw new ChatOptionException(
                nameof(EmbeddingGenerationOptions.Dimensions),
                $"the model's vectors have {width} dimensions, not {dimensions}."
            );

        var embeddings = new GeneratedEmbeddings<Embedding<float>>(values.Length);
        long tokenCount = 0;
        foreach (PromptImage[] batch in images.Chunk(BatchSize))
        {
            foreach (ReadOnlyMemory<float> rows in await model.EncodeAsync(batch, null, cancellationToken).ConfigureAwait(false))
            {
                tokenCount += rows.Length / width;
                embeddings.Add(
                    new Embedding<float>(DirectionOf(rows.Span, width)) { ModelId = modelId, CreatedAt = DateTimeOffset.UtcNow }
                );
            }
        }

        embeddings.Usage = new UsageDetails { InputTokenCount = tokenCount, TotalTokenCount = tokenCount };
        operation.Complete(width, tokenCount);
        return embeddings;
    }

    // The mean of the rows [width, tokens], scaled to length 1.
    internal static float[] DirectionOf(ReadOnlySpan<float> rows, int width)
    {
        var sums = new double[width];
        for (int index = 0; index < rows.Length; index++)
            sums[index % width] += rows[index];
        double length = Math.Sqrt(sums.Sum(static sum => sum * sum));
        return [.. sums.Select(sum => length > 0 ? (float)(sum / length) : 0)];
    }
}
