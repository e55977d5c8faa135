using System.Globalization;
using System.Text;

namespace Tessera.Cli.Chat.Images;

/// <summary>Draws with the character ▀: its colour is one pixel, the cell's background the one below.</summary>
internal static class HalfBlockImage
{
    private static readonly int[] CubeLevels = [0, 95, 135, 175, 215, 255];

    /// <summary>Pixels of a cell.</summary>
    public static PixelSize CellSize { get; } = new(1, 2);

    /// <param name="picture">The picture; each of its columns is one of the terminal.</param>
    /// <param name="hasAllColours">24-bit colours; if not, the 256 of xterm.</param>
    public static string Encode(ImagePreview picture, bool hasAllColours)
    {
        var text = new StringBuilder();
        for (int y = 0; y < picture.Size.Height; y += 2)
        {
            string before = "";
            for (int x = 0; x < picture.Size.Width; x++)
            {
                string colours =
                    Colour(38, picture, x, y, hasAllColours)
                    + (y + 1 < picture.Size.Height ? Colour(48, picture, x, y + 1, hasAllColours) : "\e[49m");
                if (colours != before)
                    text.Append(colours);
                before = colours;
                text.Append('▀');
            }

            text.Append("\e[0m\r\n");
        }

        return text.ToString();
    }

    /// <summary>The nearest of xterm's 256 colours: the 6 x 6 x 6 cube from 16 on, or the 24 greys from 232 on (xterm
    /// 256colres.pl).</summary>
    public static int Nearest256(int red, int green, int blue)
    {
        int r = NearestLevel(red),
            g = NearestLevel(green),
            b = NearestLevel(blue);
        int grey = Math.Clamp(((red + green + blue) / 3 - 3) / 10, 0, 23),
            greyLevel = 8 + 10 * grey;
        int cubeError = Error(CubeLevels[r], red) + Error(CubeLevels[g], green) + Error(CubeLevels[b], blue);
        int greyError = Error(greyLevel, red) + Error(greyLevel, green) + Error(greyLevel, blue);
        return greyError < cubeError ? 232 + grey : 16 + 36 * r + 6 * g + b;
    }

    private static string Colour(int target, ImagePreview picture, int x, int y, bool hasAllColours)
    {
        ReadOnlySpan<byte> pixel = picture.Pixels.Span.Slice(3 * (y * picture.Size.Width + x), 3);
        return hasAllColours
            ? string.Create(CultureInfo.InvariantCulture, $"\e[{target};2;{pixel[0]};{pixel[1]};{pixel[2]}m")
            : string.Create(CultureInfo.InvariantCulture, $"\e[{target};5;{Nearest256(pixel[0], pixel[1], pixel[2])}m");
    }

    private static int NearestLevel(int value) =>
        value < 48 ? 0
        : value < 115 ? 1
        : (value - 35) / 40;

    private static int Error(int level, int value) => (level - value) * (level - value);
}
