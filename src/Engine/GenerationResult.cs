namespace Tessera;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended it, or a stop string did.</summary>
    Stop,

    /// <summary>It reached its most tokens, or the context was full.</summary>
    Length,
}

/// <summary>What each stage of an answer took, in milliseconds.</summary>
/// <param name="PreprocessMs">Decoding, resizing and normalising the pictures.</param>
/// <param name="EncodeMs">The vision tower and connector.</param>
/// <param name="PrefillMs">The prompt's pass through the language model.</param>
/// <param name="FirstTokenMs">From the start of the request to the first token.</param>
/// <param name="DecodeMs">From the first token to the end.</param>
public sealed record GenerationTimings(double PreprocessMs, double EncodeMs, double PrefillMs, double FirstTokenMs, double DecodeMs);

/// <summary>A finished answer.</summary>
/// <param name="Text">The whole text.</param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="PromptTokenCount">Tokens of the prompt, those of pictures included.</param>
/// <param name="ImageTokenCount">Embeddings of pictures among them.</param>
/// <param name="TokenIds">The generated tokens, with the one that ended the answer.</param>
/// <param name="Timings">What each stage took.</param>
public sealed record GenerationResult(
    string Text,
    FinishReason FinishReason,
    int PromptTokenCount,
    int ImageTokenCount,
    IReadOnlyList<int> TokenIds,
    GenerationTimings Timings
)
{
    /// <summary>Tokens of the prompt that were in the KV cache already and needed no prefill.</summary>
    public int ReusedTokenCount { get; init; }

    /// <summary>Pictures whose embeddings came from a cache.</summary>
    public int CachedImageCount { get; init; }

    /// <summary>How likely each of <see cref="TokenIds"/> was; empty where it was not asked for.</summary>
    public IReadOnlyList<TokenLogProbability> LogProbabilities { get; init; } = [];

    /// <summary>Places in the picture that the answer names, where the model's family writes such (MiniGPT-v2, InternVL, GLM-4V).</summary>
    public IReadOnlyList<GroundedRegion> Regions { get; init; } = [];

    /// <summary>Turns at the beginning of the conversation that were left out because it no longer fits the context.</summary>
    public int DroppedTurnCount { get; init; }
}

/// <summary>A piece of an answer while it is generated.</summary>
/// <param name="Text">Text that became certain; whole characters only.</param>
/// <param name="Result">The finished answer, with the last piece only.</param>
public sealed record GenerationUpdate(string Text, GenerationResult? Result = null)
{
    /// <summary>How likely each token was that has been chosen since the last piece; empty where it was not asked for.</summary>
    public IReadOnlyList<TokenLogProbability> LogProbabilities { get; init; } = [];

    /// <summary>Tokens that were chosen since the last piece; all pieces together have those of the answer.</summary>
    public int TokenCount { get; init; }
}

/// <summary>What the engine is doing.</summary>
public enum EngineStage
{
    /// <summary>Loading the language model.</summary>
    LoadModel,

    /// <summary>Loading the vision projector.</summary>
    LoadProjector,

    /// <summary>Encoding pictures.</summary>
    Encode,

    /// <summary>Passing the prompt through the language model.</summary>
    Prefill,
}

/// <summary>How far a stage is.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Fraction">0 to 1.</param>
public readonly record struct EngineProgress(EngineStage Stage, double Fraction);
