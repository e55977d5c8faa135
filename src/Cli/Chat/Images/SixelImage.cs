using System.Globalization;
using System.Text;

namespace Tessera.Cli.Chat.Images;

/// <summary>Draws with sixels (DEC STD 070, chapter 9): bands of six rows, one pass for each colour, in a cube of 216 dithered
/// colours.</summary>
internal static class SixelImage
{
    private const int BandHeight = 6;
    private const int LevelCount = 6;
    private const int ColourCount = LevelCount * LevelCount * LevelCount;

    public static string Encode(ImagePreview picture)
    {
        (int width, int height) = (picture.Size.Width, picture.Size.Height);
        byte[] indices = Dither(picture);
        // Pixels are square, those not drawn keep the background.
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"\eP0;1q\"1;1;{width};{height}"));
        foreach (int colour in indices.Select(static index => (int)index).Distinct().Order())
            AppendPalette(text, colour);
        for (int top = 0; top < height; top += BandHeight)
        {
            AppendBand(text, indices, width, top, Math.Min(BandHeight, height - top));
            text.Append('-');
        }

        return text.Append("\e\\").ToString();
    }

    /// <summary>A colour of the palette, 0 to 255 each.</summary>
    internal static (int Red, int Green, int Blue) PaletteColour(int index) =>
        (Level(index / (LevelCount * LevelCount)), Level(index / LevelCount % LevelCount), Level(index % LevelCount));

    private static int Level(int step) => step * 255 / (LevelCount - 1);

    private static void AppendPalette(StringBuilder text, int colour)
    {
        (int red, int green, int blue) = PaletteColour(colour);
        // Sixel colours are percentages.
        text.Append(CultureInfo.InvariantCulture, $"#{colour};2;{red * 100 / 255};{green * 100 / 255};{blue * 100 / 255}");
    }

    private static void AppendBand(StringBuilder text, byte[] indices, int width, int top, int height)
    {
        var masks = new byte[ColourCount][];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                byte colour = indices[(top + y) * width + x];
                masks[colour] ??= new byte[width];
                masks[colour][x] |= (byte)(1 << y);
            }
        }

        bool isFirst = true;
        for (int colour = 0; colour < ColourCount; colour++)
        {
            if (masks[colour] is null)
                continue;
            text.Append(isFirst ? "" : "$").Append('#').Append(colour.ToString(CultureInfo.InvariantCulture));
            AppendRuns(text, masks[colour]);
            isFirst = false;
        }
    }

    private static void AppendRuns(StringBuilder text, byte[] mask)
    {
        int end = mask.Length;
        while (end > 0 && mask[end - 1] == 0)
            end--;
        for (int x = 0; x < end; )
        {
            int count = 1;
            while (x + count < end && mask[x + count] == mask[x])
                count++;
            char sixel = (char)('?' + mask[x]);
            if (count > 3)
                text.Append(CultureInfo.InvariantCulture, $"!{count}{sixel}");
            else
                text.Append(sixel, count);
            x += count;
        }
    }

    // Error diffusion (Floyd and Steinberg, 1976).
    private static byte[] Dither(ImagePreview picture)
    {
        (int width, int height) = (picture.Size.Width, picture.Size.Height);
        var indices = new byte[width * height];
        float[] values = [.. picture.Pixels.ToArray().Select(static value => (float)value)];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int index = 0;
                for (int channel = 0; channel < 3; channel++)
                {
                    float value = values[3 * (y * width + x) + channel];
                    int step = (int)Math.Clamp(MathF.Round(value * (LevelCount - 1) / 255), 0, LevelCount - 1);
                    index = index * LevelCount + step;
                    Spread(values, width, height, x, y, channel, value - Level(step));
                }

                indices[y * width + x] = (byte)index;
            }
        }

        return indices;
    }

    private static void Spread(float[] values, int width, int height, int x, int y, int channel, float error)
    {
        void Add(int column, int row, float share)
        {
            if (column >= 0 && column < width && row < height)
                values[3 * (row * width + column) + channel] += error * share;
        }

        Add(x + 1, y, 7f / 16);
        Add(x - 1, y + 1, 3f / 16);
        Add(x, y + 1, 5f / 16);
        Add(x + 1, y + 1, 1f / 16);
    }
}
