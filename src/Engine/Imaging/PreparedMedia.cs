namespace Tessera.Imaging;

/// <summary>The normalised pixels of one slice: [width, height, 3], planes in the order red, green, blue.</summary>
internal sealed record PreparedSlice(PixelSize Size, float[] Pixels);

/// <summary>A picture or a video ready to be encoded.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Plan">The plan that was followed.</param>
/// <param name="Slices">The pixels of each slice of the plan, in its order.</param>
internal sealed record PreparedMedia(string Name, SlicePlan Plan, IReadOnlyList<PreparedSlice> Slices)
{
    /// <summary>Decoding, resizing and normalising, in milliseconds.</summary>
    public double Ms { get; init; }
}
