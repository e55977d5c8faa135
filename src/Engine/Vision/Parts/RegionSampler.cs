using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// Cuts a map of patches into a square grid of regions, one for each query, and samples a few points of each, bilinearly: what
/// torchvision's roi_align (sampling_ratio -1, aligned off) makes of boxes that cover the map. As one product with a matrix of weights.
/// Source: thunlp/LLaVA-UHD, branch LLaVA-UHD-v1, llava/model/multimodal_projector/adapt_spatial_resampler.py, adapt_unflod and
/// cal_best_pooling_size; llava/slice_process.py, slice_image_feature_minicpm; pytorch/vision v0.20, torchvision/csrc/ops/cpu/roi_align_*.
/// </summary>
internal sealed class RegionSampler
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 8;

    // Points of a region: columns and rows.
    private static readonly (int Columns, int Rows)[] Samplings = [(4, 2), (3, 2), (4, 3), (3, 3), (2, 4), (2, 3), (3, 4)];
    private readonly float[] weights; // [patches, points * regions]
    private readonly int patchCount;

    /// <param name="columns">Patches across.</param>
    /// <param name="rows">Patches down.</param>
    /// <param name="side">Regions along each side.</param>
    public RegionSampler(int columns, int rows, int side)
    {
        (int across, int down) = Samplings.MinBy(sampling =>
            Math.Abs(Math.Log((double)columns / rows) - Math.Log((double)sampling.Columns / sampling.Rows))
        );
        patchCount = columns * rows;
        PointCount = across * down;
        weights = new float[(long)patchCount * PointCount * side * side];
        for (int region = 0; region < side * side; region++)
        {
            (float left, float width) = Extent(region % side, (double)columns / side);
            (float top, float height) = Extent(region / side, (double)rows / side);
            for (int point = 0; point < PointCount; point++)
            {
                Span<float> target = weights.AsSpan((region * PointCount + point) * patchCount, patchCount);
                float[] x = Axis(left, width, point % across, across, columns),
                    y = Axis(top, height, point / across, down, rows);
                for (int cell = 0; cell < patchCount; cell++)
                    target[cell] = x[cell % columns] * y[cell / columns];
            }
        }
    }

    /// <summary>Points of a region.</summary>
    public int PointCount { get; }

    /// <summary>[width, patches, slices] -> [width, points * regions, slices], region by region.</summary>
    public static Tensor Build(Graph graph, Tensor x, Tensor matrix)
    {
        Tensor turned = graph.Contiguous(graph.Permute(x, 1, 0, 2, 3)); // [patches, width, slices]
        return graph.Contiguous(graph.Permute(graph.MatMul(matrix, turned), 1, 0, 2, 3));
    }

    /// <summary>The weights as an input: [patches, points * regions].</summary>
    public Tensor Matrix(Graph graph) => graph.Input("region_weights", weights, patchCount, weights.Length / patchCount);

    // Where a region begins, and its length, which is never below one.
    private static (float Start, float Length) Extent(int index, double size)
    {
        float start = (float)(index * size);
        return (start, MathF.Max((float)(index * size + size) - start, 1));
    }

    // The weights of a line's cells for one bin of a region: the mean over its samples.
    private static float[] Axis(float start, float length, int bin, int binCount, int cellCount)
    {
        var line = new float[cellCount];
        float binLength = length / binCount;
        int sampleCount = (int)MathF.Ceiling(length / binCount);
        for (int sample = 0; sample < sampleCount; sample++)
        {
            float place = MathF.Max(start + bin * binLength + (sample + 0.5f) * binLength / sampleCount, 0);
            if (place > cellCount)
                continue;
            int low = Math.Min((int)place, cellCount - 1),
                high = Math.Min(low + 1, cellCount - 1);
            float beyond = low == high ? 0 : place - low;
            line[low] += (1 - beyond) / sampleCount;
            line[high] += beyond / sampleCount;
        }

        return line;
    }
}
