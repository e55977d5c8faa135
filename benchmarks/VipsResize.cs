using Tessera.Imaging;
using Tessera.Native;

namespace Tessera.Benchmarks;

/// <summary>libvips' own resize of a picture that lies in memory.</summary>
internal sealed unsafe class VipsResize : IDisposable
{
    private readonly RgbImage source;
    private readonly GObjectHandle image;

    public VipsResize(RgbImage source)
    {
        VipsLibrary.EnsureStarted();
        this.source = source;
        fixed (byte* pixels = source.Pixels)
        {
            image = new GObjectHandle(Vips.vips_image_new_from_memory_copy(
                pixels, (nuint)source.Pixels.Length, source.Width, source.Height, RgbImage.BytesPerPixel, VipsBandFormat.UChar));
        }

        if (image.IsInvalid) throw VipsLibrary.TakeError();
    }

    /// <summary>Resizes with libvips' cubic kernel; the result is computed whole and dropped.</summary>
    public void Run(int width, int height, int threadCount)
    {
        Vips.vips_concurrency_set(threadCount);
        using VipsOperation resize = new("resize");
        string Scale(int size, int sourceSize) => ((double)size / sourceSize).ToString("R");
        using GObjectHandle resized = resize.With("in", image).With("scale", Scale(width, source.Width)).With("vscale", Scale(height, source.Height)).With("kernel", "cubic").Run();
        if (Vips.vips_image_get_width(resized) != width || Vips.vips_image_get_height(resized) != height)
            throw new InvalidOperationException("libvips made another size.");
        nint pixels = Vips.vips_image_write_to_memory(resized, out _);
        if (pixels == 0) throw VipsLibrary.TakeError();
        Vips.g_free(pixels);
    }

    public void Dispose() => image.Dispose();
}
