namespace Tessera.Engine.Tests.Imaging;

/// <summary>Pictures that a formula gives; tests/goldens/imaging/make_resize_goldens.py has the same one.</summary>
internal static class TestPattern
{
    public static RgbImage Create(string kind, int width, int height, uint seed)
    {
        RgbImage image = new(width, height);
        Span<byte> pixels = image.Pixels;
        uint state = seed;
        for (int i = 0; i < pixels.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            pixels[i] = kind == "noise" ? (byte)(state >> 24) : (byte)(255 * (state >> 31));
        }
        return image;
    }
}
