namespace Tessera;

/// <summary>A picture with more pixels than are decoded.</summary>
public sealed class ImageTooLargeException : ImageException
{
    /// <summary>Creates the failure for one picture.</summary>
    /// <param name="source">The file, URL or other name of the picture; the message starts with it.</param>
    /// <param name="size">Width and height as its header has them.</param>
    /// <param name="pixelLimit">The most pixels, from <see cref="ModelOptions.MaxPixels"/>.</param>
    public ImageTooLargeException(string source, PixelSize size, long pixelLimit)
        : base(source, $"The picture is {size.Width}x{size.Height} pixels, more than the limit of {pixelLimit} pixels.") =>
        (Size, PixelLimit) = (size, pixelLimit);

    /// <summary>Width and height as its header has them.</summary>
    public PixelSize Size { get; }

    /// <summary>The most pixels.</summary>
    public long PixelLimit { get; }
}

/// <summary>A limit on a picture's tokens that the model cannot keep, not even with a single slice.</summary>
public sealed class ImageTokenLimitException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="leastTokenCount">The fewest tokens that the model makes of the picture.</param>
    /// <param name="limit">The most that were allowed, from <see cref="PlanRequest.MaxImageTokens"/>.</param>
    public ImageTokenLimitException(int leastTokenCount, int limit)
        : base($"The model makes at least {leastTokenCount} tokens of this picture, more than the limit of {limit}.") =>
        (LeastTokenCount, Limit) = (leastTokenCount, limit);

    /// <summary>The fewest tokens that the model makes of the picture.</summary>
    public int LeastTokenCount { get; }

    /// <summary>The most that were allowed.</summary>
    public int Limit { get; }
}

/// <summary>An instruction that is longer than a model's vision side reads.</summary>
public sealed class InstructionTooLongException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="tokenCount">Tokens of the instruction, as the vision side cuts it.</param>
    /// <param name="limit">The most that it reads.</param>
    public InstructionTooLongException(int tokenCount, int limit)
        : base($"The question has {tokenCount} tokens for the encoder that reads it with the picture, more than its limit of {limit}.") =>
        (TokenCount, Limit) = (tokenCount, limit);

    /// <summary>Tokens of the instruction.</summary>
    public int TokenCount { get; }

    /// <summary>The most that are read.</summary>
    public int Limit { get; }
}

/// <summary>A context that needs more memory than the machine has.</summary>
public sealed class ContextMemoryException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="path">The language model's file; the message starts with it.</param>
    /// <param name="contextLength">Tokens of the context.</param>
    /// <param name="neededBytes">Memory that it needs.</param>
    /// <param name="availableBytes">Memory that there is.</param>
    public ContextMemoryException(string path, int contextLength, long neededBytes, long availableBytes)
        : base(
            $"{path}: a context of {contextLength} tokens needs {neededBytes / 1_000_000_000} GB of memory, more than the "
                + $"{availableBytes / 1_000_000_000} GB there are."
        ) => (ContextLength, NeededBytes, AvailableBytes) = (contextLength, neededBytes, availableBytes);

    /// <summary>Tokens of the context.</summary>
    public int ContextLength { get; }

    /// <summary>Memory that it needs.</summary>
    public long NeededBytes { get; }

    /// <summary>Memory that there is.</summary>
    public long AvailableBytes { get; }
}

/// <summary>A picture for a model that was loaded without a vision projector.</summary>
public sealed class NoProjectorException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="modelPath">The language model's file; the message starts with it.</param>
    public NoProjectorException(string modelPath)
        : base($"{modelPath} was loaded without a vision projector, so it sees no pictures.") => ModelPath = modelPath;

    /// <summary>The language model's file.</summary>
    public string ModelPath { get; }
}

/// <summary>A language model in the place of a projector, or the other way round.</summary>
public sealed class ModelFileRoleException : ModelFileException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="path">The file; the message starts with it.</param>
    /// <param name="architecture">Its <c>general.architecture</c>.</param>
    /// <param name="isProjector">Whether it is a projector, given as a language model.</param>
    public ModelFileRoleException(string path, string architecture, bool isProjector)
        : base(
            path,
            isProjector
                ? $"it is a vision projector (general.architecture is '{architecture}'), not a language model."
                : $"it is a language model (general.architecture is '{architecture}'), not a vision projector."
        ) => IsProjector = isProjector;

    /// <summary>Whether it is a projector, given as a language model.</summary>
    public bool IsProjector { get; }
}

/// <summary>A model's name that is neither a file nor one of the catalogue's.</summary>
public sealed class UnknownModelException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    /// <param name="name">The name.</param>
    /// <param name="nearNames">Names that may have been meant.</param>
    public UnknownModelException(string name, IReadOnlyList<string> nearNames)
        : base($"'{name}' is neither a file nor a name in the catalogue{ModelCatalog.Meant(nearNames)}") =>
        (Name, NearNames) = (name, nearNames);

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>Names of the catalogue that may have been meant; none where no name is like it.</summary>
    public IReadOnlyList<string> NearNames { get; }
}
