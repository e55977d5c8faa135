using LLama.Native;

namespace Tessera.LLamaSharp;

/// <summary>A stretch of a prompt: a run of tokens, or the embeddings of a picture.</summary>
/// <param name="RowCount">Positions it takes in the context.</param>
public abstract record VisionPromptPart(int RowCount)
{
    /// <summary>A run of tokens.</summary>
    /// <param name="Ids">The tokens.</param>
    public sealed record Tokens(ReadOnlyMemory<LLamaToken> Ids) : VisionPromptPart(Ids.Length);

    /// <summary>Embeddings of a picture.</summary>
    /// <param name="Values">[width, rows], in the order in which they enter the language model.</param>
    /// <param name="Width">Width of an embedding.</param>
    public sealed record Embeddings(ReadOnlyMemory<float> Values, int Width) : VisionPromptPart(Values.Length / Width);
}

/// <summary>A prompt with its pictures encoded, ready for a context of LLamaSharp.</summary>
public sealed class VisionPrompt
{
    internal VisionPrompt(IReadOnlyList<VisionPromptPart> parts, IReadOnlyList<SlicePlan> plans)
    {
        Parts = parts;
        Plans = plans;
    }

    /// <summary>The stretches in order.</summary>
    public IReadOnlyList<VisionPromptPart> Parts { get; }

    /// <summary>How each picture was cut.</summary>
    public IReadOnlyList<SlicePlan> Plans { get; }

    /// <summary>Positions that it takes in the context: tokens and embeddings.</summary>
    public int RowCount => Parts.Sum(static part => part.RowCount);
}
