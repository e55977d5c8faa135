namespace Tessera.Imaging;

/// <summary>The weighting curves of Pillow's resize.</summary>
internal enum ResampleFilter
{
    /// <summary>Mean of the covered pixels.</summary>
    Box,

    /// <summary>Triangle.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5.</summary>
    Bicubic,

    /// <summary>Sinc windowed by a sinc, three lobes.</summary>
    Lanczos3,
}

/// <summary>The curves themselves, in the order of operations of Pillow, src/libImaging/Resample.c at 12.0.</summary>
internal static class ResampleCurve
{
    /// <summary>Half the width of the curve, in source pixels at scale 1.</summary>
    public static double Support(ResampleFilter filter) =>
        filter switch
        {
            ResampleFilter.Box => 0.5,
            ResampleFilter.Bilinear => 1.0,
            ResampleFilter.Bicubic => 2.0,
            ResampleFilter.Lanczos3 => 3.0,
            _ => throw new ArgumentOutOfRangeException(nameof(filter)),
        };

    /// <summary>Weight of a source pixel at distance <paramref name="x"/> from the centre.</summary>
    public static double Weight(ResampleFilter filter, double x) =>
        filter switch
        {
            ResampleFilter.Box => x > -0.5 && x <= 0.5 ? 1.0 : 0.0,
            ResampleFilter.Bilinear => Math.Max(0.0, 1.0 - Math.Abs(x)),
            ResampleFilter.Bicubic => Cubic(Math.Abs(x)),
            ResampleFilter.Lanczos3 => x is >= -3.0 and < 3.0 ? Sinc(x) * Sinc(x / 3.0) : 0.0,
            _ => throw new ArgumentOutOfRangeException(nameof(filter)),
        };

    private static double Cubic(double x)
    {
        const double A = -0.5;
        if (x < 1.0)
            return ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
        return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * A : 0.0;
    }

    private static double Sinc(double x)
    {
        if (x == 0.0)
            return 1.0;
        double angle = x * Math.PI;
        return Math.Sin(angle) / angle;
    }
}
