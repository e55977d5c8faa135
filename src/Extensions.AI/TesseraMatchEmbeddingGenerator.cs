using System.Globalization;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>
/// Makes one vector of each picture and of each text in the same space, of length 1, so that the dot product of a picture's and a text's
/// tells how well they match (BLIP's image-text matching; <see cref="PictureMatcher"/>). Thread-safe.
/// </summary>
public sealed class TesseraMatchEmbeddingGenerator
    : IEmbeddingGenerator<DataContent, Embedding<float>>,
        IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly PictureMatcher matcher;
    private readonly string modelId;

    /// <summary>Makes vectors with a model whose weights are loaded; the model stays the caller's.</summary>
    /// <param name="vision">The model.</param>
    /// <param name="modelId">What the model is called; null for its file's name.</param>
    /// <exception cref="ModelFileException">It has no heads that match texts and pictures.</exception>
    public TesseraMatchEmbeddingGenerator(VisionModel vision, string? modelId = null)
    {
        matcher = new PictureMatcher(vision);
        this.modelId = modelId ?? Path.GetFileNameWithoutExtension(vision.Path);
    }

    /// <summary>Makes the vectors of pictures, in their order.</summary>
    /// <param name="values">The pictures.</param>
    /// <param name="options">Its dimensions and model must be the model's own, or null.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="ImageException">One is no picture, or damaged; named by its place.</exception>
    /// <exception cref="ChatOptionException">An option cannot be followed.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<DataContent> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(values);
        PromptImage[] images =
        [
            .. values.Select(
                static (value, index) =>
                    ImageReader.Read(value, string.Create(CultureInfo.InvariantCulture, $"picture {index} ({value.MediaType})"))
            ),
        ];
        return GenerateAsync(images, options, image => matcher.VectorOf(image, cancellationToken), cancellationToken);
    }

    /// <summary>Makes the vectors of texts, in their order.</summary>
    /// <param name="values">The texts.</param>
    /// <param name="options">Its dimensions and model must be the model's own, or null.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    /// <exception cref="InstructionTooLongException">A text is longer than the model reads.</exception>
    /// <exception cref="ChatOptionException">An option cannot be followed.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(values);
        return GenerateAsync(values.ToArray(), options, text => matcher.VectorOf(text, cancellationToken), cancellationToken);
    }

    /// <summary>Gives <see cref="EmbeddingGeneratorMetadata"/>, the <see cref="PictureMatcher"/>, or the generator itself.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata))
            return new EmbeddingGeneratorMetadata(TesseraTelemetry.ProviderName, null, modelId, matcher.VectorWidth);
        if (serviceType == typeof(PictureMatcher))
            return matcher;
        return serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Does nothing: the model is the caller's.</summary>
    public void Dispose() { }

    private Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync<T>(
        T[] values,
        EmbeddingGenerationOptions? options,
        Func<T, float[]> vectorOf,
        CancellationToken cancellationToken
    )
    {
        if (options?.ModelId is { } other && other != modelId)
            throw new ChatOptionException(
                nameof(EmbeddingGenerationOptions.ModelId),
                $"the generator makes vectors with {modelId}, not with {other}."
            );
        if (options?.Dimensions is int dimensions && dimensions != matcher.VectorWidth)
            throw new ChatOptionException(
                nameof(EmbeddingGenerationOptions.Dimensions),
                $"the model's vectors have {matcher.VectorWidth} dimensions, not {dimensions}."
            );
        return Task.Run(
            () =>
                new GeneratedEmbeddings<Embedding<float>>(
                    values.Select(value => new Embedding<float>(vectorOf(value)) { ModelId = modelId, CreatedAt = DateTimeOffset.UtcNow })
                ),
            cancellationToken
        );
    }
}
