using Tessera.Imaging;
using Tessera.Vision.Encoding;

namespace Tessera;

/// <summary>What a picture became: the embeddings that enter the language model.</summary>
public sealed class ImageEncoding
{
    private readonly Lazy<ReadOnlyMemory<float>> embeddings;
    private readonly Lazy<ReadOnlyMemory<float>> memory;

    internal ImageEncoding(SlicePlan plan, float[] embeddings, int width)
        : this(plan, embeddings, width, embeddings.Length, 0, 0) { }

    internal ImageEncoding(SlicePlan plan, float[] values, int width, int rowValueCount, int memoryWidth, int besideWidth)
    {
        Plan = plan;
        Values = values;
        Width = width;
        MemoryWidth = besideWidth > 0 ? besideWidth : memoryWidth;
        int rowWidth = width + besideWidth;
        embeddings = new(() => RowParts.Take(values.AsMemory(0, rowValueCount), rowWidth, 0, width));
        memory = new(() =>
            besideWidth > 0
                ? RowParts.Take(values.AsMemory(0, rowValueCount), rowWidth, width, besideWidth)
                : values.AsMemory(rowValueCount)
        );
    }

    /// <summary>Embeddings with what stands beside each, and the memory behind them.</summary>
    internal ReadOnlyMemory<float> Values { get; }

    /// <summary>How the picture was cut.</summary>
    public SlicePlan Plan { get; }

    /// <summary>[width, tokens], in the order in which they enter the language model.</summary>
    public ReadOnlyMemory<float> Embeddings => embeddings.Value;

    /// <summary>Width of an embedding.</summary>
    public int Width { get; }

    /// <summary>[memory width, rows]: what the language model's layers look at beside its tokens, padding included, or beside each
    /// embedding; empty where pictures are rows of the prompt and nothing else.</summary>
    public ReadOnlyMemory<float> Memory => memory.Value;

    /// <summary>Width of a memory's row; 0 where there is none.</summary>
    public int MemoryWidth { get; }

    /// <summary>Number of embeddings.</summary>
    public int TokenCount => Embeddings.Length / Width;

    /// <summary>Decoding, resizing and normalising, in milliseconds.</summary>
    public double PreprocessMs { get; internal init; }

    /// <summary>The tower and the connector, in milliseconds.</summary>
    public double EncodeMs { get; internal init; }

    /// <summary>Number of slices.</summary>
    public int SliceCount => Plan.Slices.Count;
}

/// <summary>What the tower makes of a picture's slices, before the connector.</summary>
public sealed class ImageFeatures
{
    private readonly float[][] slices;

    internal ImageFeatures(SlicePlan plan, float[][] slices, int width)
    {
        this.slices = slices;
        Plan = plan;
        Width = width;
    }

    /// <summary>How the picture was cut.</summary>
    public SlicePlan Plan { get; }

    /// <summary>Width of a feature, which is that of the tower.</summary>
    public int Width { get; }

    /// <summary>Number of slices.</summary>
    public int SliceCount => slices.Length;

    /// <summary>Decoding, resizing and normalising, in milliseconds.</summary>
    public double PreprocessMs { get; internal init; }

    /// <summary>The tower, in milliseconds.</summary>
    public double EncodeMs { get; internal init; }

    /// <summary>The features of one slice: [width, patches].</summary>
    public ReadOnlyMemory<float> Of(int sliceIndex) => slices[sliceIndex];
}

/// <summary>The normalised pixels of a picture's slices.</summary>
public sealed class ImagePixels
{
    private readonly PreparedMedia prepared;

    internal ImagePixels(PreparedMedia prepared) => this.prepared = prepared;

    /// <summary>How the picture was cut.</summary>
    public SlicePlan Plan => prepared.Plan;

    /// <summary>Number of slices.</summary>
    public int SliceCount => prepared.Slices.Count;

    /// <summary>Size of one slice.</summary>
    public PixelSize Size(int sliceIndex) => prepared.Slices[sliceIndex].Size;

    /// <summary>Pixels of one slice: [width, height, 3], planes in the order red, green, blue.</summary>
    public ReadOnlyMemory<float> Planes(int sliceIndex) => prepared.Slices[sliceIndex].Pixels;
}
