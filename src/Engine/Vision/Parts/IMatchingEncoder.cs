using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>An encoder that also tells how well texts match pictures.</summary>
internal interface IMatchingEncoder : IVisionEncoder
{
    /// <summary>Width of the vectors by which pictures and texts are compared.</summary>
    int VectorWidth { get; }

    /// <summary>A picture's features [hidden, tokens] -> its vector, of length 1.</summary>
    float[] PictureVector(float[] features, GraphRunner runner, CancellationToken cancellationToken);

    /// <summary>A text's vector, of length 1.</summary>
    /// <exception cref="InstructionTooLongException">The text is longer than the encoder reads.</exception>
    float[] TextVector(string words, GraphRunner runner, CancellationToken cancellationToken);

    /// <summary>The logits of two answers: that a text does not match the picture of these features [hidden, tokens], and that it
    /// does.</summary>
    /// <exception cref="InstructionTooLongException">The text is longer than the encoder reads.</exception>
    (float No, float Yes) Match(string words, float[] features, GraphRunner runner, CancellationToken cancellationToken);
}
