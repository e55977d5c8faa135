using Microsoft.Extensions.Logging;

namespace Tessera;

/// <summary>Which files to load and where to run them.</summary>
public sealed record ModelOptions
{
    /// <summary>The language model's GGUF file; the first one where it is split.</summary>
    public required string ModelPath { get; init; }

    /// <summary>The vision projector's GGUF file; null for a model that sees no pictures.</summary>
    public string? ProjectorPath { get; init; }

    /// <summary>Tokens of context; 0 takes what the model was trained with, at most <see cref="DefaultContextLimit"/>.</summary>
    public int ContextLength { get; init; }

    /// <summary>CPU threads; 0 takes one for each processor.</summary>
    public int ThreadCount { get; init; }

    /// <summary>Layers of the language model to place on a GPU; negative for all that fit.</summary>
    public int GpuLayerCount { get; init; } = -1;

    /// <summary>Whose preprocessing to follow where the authors' and Hugging Face's differ.</summary>
    public Preprocessing Preprocessing { get; init; }

    /// <summary>Pictures with more pixels are refused before they are decoded.</summary>
    public long MaxPixels { get; init; } = DefaultMaxPixels;

    /// <summary>Takes the log of the native libraries, for the whole process; null leaves it as it was, which at first is silent.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Context taken by default from models that were trained with more.</summary>
    public const int DefaultContextLimit = 8192;

    /// <summary>100 megapixels.</summary>
    public const long DefaultMaxPixels = 100_000_000;
}
