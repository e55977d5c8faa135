using NetVips;
using Tessera.Native;

namespace Tessera.Benchmarks;

/// <summary>libvips' own resize of a picture that lies in memory.</summary>
internal sealed class VipsResize : IDisposable
{
    private readonly RgbImage source;
    private readonly Image image;

    public VipsResize(RgbImage source)
    {
        VipsLibrary.EnsureStarted();
        this.source = source;
        image = Image.NewFromMemory(source.PixelArray, source.Width, source.Height, RgbImage.BytesPerPixel, Enums.BandFormat.Uchar);
    }

    /// <summary>Resizes with libvips' cubic kernel; the result is computed whole and dropped.</summary>
    public void Run(int width, int height, int threadCount)
    {
        NetVips.NetVips.Concurrency = threadCount;
        using Image resized = image.Resize((double)width / source.Width, Enums.Kernel.Cubic, vscale: (double)height / source.Height);
        if (resized.Width != width || resized.Height != height)
            throw new InvalidOperationException("libvips made another size.");
        NetVips.NetVips.Free(resized.WriteToMemory(out _));
    }

    public void Dispose() => image.Dispose();
}
