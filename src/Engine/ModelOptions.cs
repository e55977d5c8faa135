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

    /// <summary>CPU threads; 0 takes as many as pay: few for small work, and where other programs keep the processors busy.</summary>
    public int ThreadCount { get; init; }

    /// <summary>Layers of the language model to place on GPUs: 0 keeps all of it on the CPU, negative places as many as fit.</summary>
    public int GpuLayerCount { get; init; } = -1;

    /// <summary>Whose preprocessing to follow where the authors' and Hugging Face's differ.</summary>
    public Preprocessing Preprocessing { get; init; }

    /// <summary>The type that the vision tower's matrices have in memory.</summary>
    public VisionType VisionType { get; init; }

    /// <summary>
    /// Where the vision tower runs: a name that <see cref="Devices.List"/> gives; null takes the first GPU that has the memory, and else
    /// the CPU.
    /// </summary>
    public string? VisionDevice { get; init; }

    /// <summary>Pictures with more pixels are refused before they are decoded.</summary>
    public long MaxPixels { get; init; } = DefaultMaxPixels;

    /// <summary>Answers that are generated at the same time, in one batch; further ones wait.</summary>
    public int ParallelAnswerCount { get; init; } = 16;

    /// <summary>Answers that may wait; further ones are refused with <see cref="EngineBusyException"/>.</summary>
    public int WaitingAnswerLimit { get; init; } = 256;

    /// <summary>
    /// Tokens that the KV cache holds for all conversations together; 0 takes one context's. What no running answer needs is kept for
    /// the next turns and given up when room is needed.
    /// </summary>
    public int CacheLength { get; init; }

    /// <summary>How the KV cache stores keys and values.</summary>
    public CacheType CacheType { get; init; }

    /// <summary>Bytes of picture embeddings to keep in memory.</summary>
    public long ImageCacheBytes { get; init; } = 512L << 20;

    /// <summary>A folder to keep picture embeddings in between runs; null for none. Several processes may share it.</summary>
    public string? ImageCacheFolder { get; init; }

    /// <summary>Bytes of picture embeddings to keep in the folder.</summary>
    public long ImageCacheFolderBytes { get; init; } = 4L << 30;

    /// <summary>Whether weights may be used where their files are mapped into memory, which loads at once and is shared between processes;
    /// false reads them into memory of the process.</summary>
    public bool MapsFiles { get; init; } = true;

    /// <summary>A vision half that is open already, in the place of <see cref="ProjectorPath"/>'s; it is the model's from then
    /// on.</summary>
    public VisionModel? Vision { get; init; }

    /// <summary>Frames of the longest video that will be shown; 0 for none. LLaVA-NeXT-Video's authors stretch a Vicuna's positions by it,
    /// where its file does not say how.</summary>
    public int VideoFrameCount { get; init; }

    /// <summary>A chat template in Jinja's language, in the place of the language model's own; null for that.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>LoRA adapters of the language model.</summary>
    public IReadOnlyList<ModelAdapter> Adapters { get; init; } = [];

    /// <summary>How to try a language model in a process of its own before it is loaded for the first time; null loads it
    /// untried.</summary>
    public ModelTrial? Trial { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value cannot be; the message names it and its range.</exception>
    internal void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(ModelPath);
        Require(ContextLength, nameof(ContextLength), 0);
        Require(ThreadCount, nameof(ThreadCount), 0);
        Require(MaxPixels, nameof(MaxPixels), 1);
        Require(ParallelAnswerCount, nameof(ParallelAnswerCount), 1);
        Require(WaitingAnswerLimit, nameof(WaitingAnswerLimit), 0);
        Require(CacheLength, nameof(CacheLength), 0);
        Require(VideoFrameCount, nameof(VideoFrameCount), 0);
        if (VideoFrameCount > PromptVideo.MaxFrameCount)
            throw new ArgumentOutOfRangeException(
                nameof(VideoFrameCount),
                VideoFrameCount,
                $"{nameof(VideoFrameCount)} must be at most {PromptVideo.MaxFrameCount}."
            );
        Require(ImageCacheBytes, nameof(ImageCacheBytes), 0);
        Require(ImageCacheFolderBytes, nameof(ImageCacheFolderBytes), 0);
    }

    private static void Require(long value, string name, long least)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least {least}.");
    }

    /// <summary>Context taken by default from models that were trained with more.</summary>
    public const int DefaultContextLimit = 8192;

    /// <summary>100 megapixels.</summary>
    public const long DefaultMaxPixels = 100_000_000;
}
