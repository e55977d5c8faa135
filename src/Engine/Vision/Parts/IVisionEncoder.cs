using Tessera.Compute;
using Tessera.Imaging;

namespace Tessera.Vision.Parts;

/// <summary>
/// A family's weights, and how it runs them: it is given the runner and builds the graphs that it needs, one for a batch of slices
/// (<see cref="SliceEncoder"/>) or several with work between them. Calls come one after another.
/// </summary>
internal interface IVisionEncoder : IDisposable
{
    /// <summary>Width of an embedding, which must be the language model's.</summary>
    int EmbeddingWidth { get; }

    /// <summary>Width of a feature, before the connector.</summary>
    int FeatureWidth { get; }

    /// <summary>Nodes of the largest graph.</summary>
    int NodeCapacity { get; }

    /// <summary>Takes the memory of the largest graph, so that a lack of it shows before the first picture.</summary>
    /// <param name="runner">Runs the graphs.</param>
    /// <param name="plan">How the family cuts a picture of a size.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory; the message says how much was wanted.</exception>
    void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan);

    /// <summary>Prepared media -> what the language model sees of each, in their order.</summary>
    /// <param name="media">Pictures, or videos, whose slices may go through the graphs together.</param>
    /// <param name="runner">Runs the graphs.</param>
    /// <param name="progress">Told the fraction done.</param>
    /// <param name="cancellationToken">Stops within one node of a graph.</param>
    IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    );

    /// <summary>The tower's output for each slice, before the connector: [hidden, patches].</summary>
    /// <param name="media">One picture or video.</param>
    /// <param name="runner">Runs the graphs.</param>
    /// <param name="progress">Told the fraction done.</param>
    /// <param name="cancellationToken">Stops within one node of a graph.</param>
    float[][] EncodeFeatures(PreparedMedia media, GraphRunner runner, IProgress<double>? progress, CancellationToken cancellationToken);
}

/// <summary>What a picture or a video became.</summary>
/// <param name="Rows">Embeddings for the prompt [embedding, tokens], in the order of the plan's layout; each with what stands beside it
/// behind it, where the family has that.</param>
/// <param name="Memory">What cross-attention layers of the language model see [width, tokens]; null where the family has none.</param>
internal sealed record EncodedMedia(float[] Rows, float[]? Memory = null);
