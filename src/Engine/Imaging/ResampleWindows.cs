namespace Tessera.Imaging;

/// <summary>
/// For a run of output positions along one axis: which source positions each one sums, and with which fixed-point weights.
/// Same numbers as <c>precompute_coeffs</c> and <c>normalize_coeffs_8bpc</c> of Pillow, src/libImaging/Resample.c at 12.0.
/// </summary>
internal sealed class ResampleWindows
{
    /// <summary>Fraction bits of a weight: 32 less 8 for the result and 2 for the overshoot of negative lobes.</summary>
    public const int PrecisionBits = 32 - 8 - 2;

    private readonly int[] starts;
    private readonly int[] weightOffsets;
    private readonly int[] weights;

    private ResampleWindows(int firstOutput, int[] starts, int[] weightOffsets, int[] weights)
    {
        FirstOutput = firstOutput;
        this.starts = starts;
        this.weightOffsets = weightOffsets;
        this.weights = weights;
    }

    /// <summary>The output position that window 0 belongs to.</summary>
    public int FirstOutput { get; }

    /// <summary>Number of windows.</summary>
    public int Count => starts.Length;

    /// <summary>First source position that any window reads.</summary>
    public int SourceBegin => starts[0];

    /// <summary>One past the last source position that any window reads.</summary>
    public int SourceEnd => Start(Count - 1) + Weights(Count - 1).Length;

    /// <summary>First source position of one window.</summary>
    public int Start(int window) => starts[window];

    /// <summary>Weights of one window, from its first source position on; they sum to about 2^22.</summary>
    public ReadOnlySpan<int> Weights(int window) =>
        weights.AsSpan(weightOffsets[window], weightOffsets[window + 1] - weightOffsets[window]);

    /// <summary>The most weights that one output position can have.</summary>
    public static int MaxWeightCount(int sourceSize, int outputSize, ResampleFilter filter)
    {
        double support = ResampleCurve.Support(filter) * Math.Max(1.0, (double)sourceSize / outputSize);
        return (int)Math.Min(sourceSize, Math.Ceiling(support) * 2 + 1);
    }

    /// <summary>Computes the windows of outputs <c>firstOutput .. firstOutput + count - 1</c>.</summary>
    public static ResampleWindows Plan(int sourceSize, int outputSize, ResampleFilter filter, int firstOutput, int count)
    {
        int maxWeightCount = MaxWeightCount(sourceSize, outputSize, filter);
        int[] starts = new int[count],
            offsets = new int[count + 1];
        int[] weights = new int[checked(count * maxWeightCount)];
        double[] scratch = new double[maxWeightCount];
        for (int i = 0; i < count; i++)
        {
            (int start, int end, double center, double inverseScale) = Bounds(sourceSize, outputSize, filter, firstOutput + i);
            starts[i] = start;
            offsets[i + 1] = offsets[i] + end - start;
            Span<double> window = scratch.AsSpan(0, end - start);
            for (int k = 0; k < window.Length; k++)
                window[k] = ResampleCurve.Weight(filter, (k + start - center + 0.5) * inverseScale);
            Normalize(window, weights.AsSpan(offsets[i]));
        }
        return new ResampleWindows(firstOutput, starts, offsets, weights);
    }

    /// <summary>The same windows for rows that begin at a source position, and of which no other outputs are wanted.</summary>
    public ResampleWindows From(int begin) => new(0, [.. starts.Select(start => start - begin)], weightOffsets, weights);

    private static (int Start, int End, double Center, double InverseScale) Bounds(
        int sourceSize,
        int outputSize,
        ResampleFilter filter,
        int output
    )
    {
        double scale = (double)sourceSize / outputSize;
        double filterScale = Math.Max(1.0, scale);
        double support = ResampleCurve.Support(filter) * filterScale;
        double center = (output + 0.5) * scale;
        int start = Math.Max(0, (int)(center - support + 0.5));
        int end = Math.Min(sourceSize, (int)(center + support + 0.5));
        return (start, end, center, 1.0 / filterScale);
    }

    private static void Normalize(ReadOnlySpan<double> window, Span<int> weights)
    {
        double sum = 0.0;
        foreach (double weight in window)
            sum += weight;
        for (int k = 0; k < window.Length; k++)
        {
            double weight = (sum != 0.0 ? window[k] / sum : window[k]) * (1 << PrecisionBits);
            weights[k] = (int)(weight < 0.0 ? weight - 0.5 : weight + 0.5);
        }
    }
}
