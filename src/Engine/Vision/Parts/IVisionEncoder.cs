using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>A family's weights and graph: which products make features and embeddings out of patches.</summary>
internal interface IVisionEncoder
{
    /// <summary>Width of an embedding, which must be the language model's.</summary>
    int EmbeddingWidth { get; }

    VisionTransformerConfig Tower { get; }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    int NodeCapacity { get; }

    /// <summary>Patches [patch * patch * 3, patches, slices] of slices of one size -> the tower's features and the connector's
    /// rows.</summary>
    EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize);

    /// <summary>Rows of each slice [embedding, rows] -> the picture's embeddings [embedding, tokens] in the order of the plan's
    /// layout.</summary>
    float[] Merge(SlicePlan plan, IReadOnlyList<float[]> sliceRows);
}

/// <summary>What a family's graph gives.</summary>
/// <param name="Features">The tower's output before the connector: [hidden, patches, slices].</param>
/// <param name="Rows">The connector's output: [embedding, rows, slices].</param>
internal readonly record struct EncoderOutputs(Tensor Features, Tensor Rows);
