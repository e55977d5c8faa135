using BenchmarkDotNet.Attributes;
using Tessera.Imaging;

namespace Tessera.Benchmarks;

/// <summary>A camera's picture to the size at which MiniCPM-V cuts it: 4000 x 3000 to 1344 x 1008, bicubic.</summary>
public class Resampling : IDisposable
{
    internal const int SourceWidth = 4000,
        SourceHeight = 3000,
        Width = 1344,
        Height = 1008;

    private readonly RgbImage source = CreateSource();
    private readonly VipsResize vips;

    public Resampling() => vips = new VipsResize(source);

    [Benchmark(Baseline = true)]
    public RgbImage OneThread() => Resampler.Resize(source, Width, Height, ResampleFilter.Bicubic, new ResampleOptions(MaxThreads: 1));

    [Benchmark]
    public RgbImage AllThreads() => Resampler.Resize(source, Width, Height, ResampleFilter.Bicubic);

    [Benchmark]
    public void VipsOneThread() => vips.Run(Width, Height, threadCount: 1);

    [GlobalCleanup]
    public void Dispose()
    {
        vips.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Noise, which has no fast path anywhere.</summary>
    internal static RgbImage CreateSource()
    {
        RgbImage image = new(SourceWidth, SourceHeight);
        new Random(1).NextBytes(image.Pixels);
        return image;
    }
}
