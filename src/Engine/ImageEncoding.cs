using Tessera.Imaging;
using Tessera.Models;

namespace Tessera;

/// <summary>What a picture became: the embeddings that enter the language model, and the features they were made of.</summary>
public sealed class ImageEncoding
{
    private readonly IReadOnlyList<EncodedSlice> slices;

    internal ImageEncoding(PreparedImage prepared, IReadOnlyList<EncodedSlice> slices, float[] embeddings, IVisionEncoder encoder, double preprocessMs, double encodeMs)
    {
        this.slices = slices;
        Plan = prepared.Plan;
        Embeddings = embeddings;
        Width = encoder.EmbeddingWidth;
        FeatureWidth = encoder.Tower.HiddenSize;
        PreprocessMs = preprocessMs;
        EncodeMs = encodeMs;
    }

    /// <summary>How the picture was cut.</summary>
    public SlicePlan Plan { get; }

    /// <summary>[width, tokens], in the order in which they enter the language model.</summary>
    public ReadOnlyMemory<float> Embeddings { get; }

    /// <summary>Width of an embedding.</summary>
    public int Width { get; }

    /// <summary>Number of embeddings.</summary>
    public int TokenCount => Embeddings.Length / Width;

    /// <summary>Width of a feature, which is that of the tower.</summary>
    public int FeatureWidth { get; }

    /// <summary>Decoding, resizing and normalising, in milliseconds.</summary>
    public double PreprocessMs { get; }

    /// <summary>The tower and the connector, in milliseconds.</summary>
    public double EncodeMs { get; }

    /// <summary>Number of slices.</summary>
    public int SliceCount => slices.Count;

    /// <summary>The tower's output for one slice, before the connector: [feature width, patches].</summary>
    public ReadOnlyMemory<float> Features(int sliceIndex) => slices[sliceIndex].Features;
}

/// <summary>The normalised pixels of a picture's slices.</summary>
public sealed class ImagePixels
{
    private readonly PreparedImage prepared;

    internal ImagePixels(PreparedImage prepared) => this.prepared = prepared;

    /// <summary>How the picture was cut.</summary>
    public SlicePlan Plan => prepared.Plan;

    /// <summary>Number of slices.</summary>
    public int SliceCount => prepared.Slices.Count;

    /// <summary>Size of one slice.</summary>
    public PixelSize Size(int sliceIndex) => prepared.Slices[sliceIndex].Size;

    /// <summary>Pixels of one slice: [width, height, 3], planes in the order red, green, blue.</summary>
    public ReadOnlyMemory<float> Planes(int sliceIndex) => prepared.Slices[sliceIndex].Pixels;
}
