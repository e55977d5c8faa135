using System.Globalization;
using System.Text.RegularExpressions;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Reads sixel graphics the slow, obvious way: VT340 Graphics Programming, chapter 14.</summary>
internal static partial class SixelDecoder
{
    public static (int Width, int Height, byte[] Pixels) Decode(string text)
    {
        Match frame = Frame().Match(text);
        if (!frame.Success)
            throw new FormatException("This is no sixel sequence.");
        (int width, int height) = (Number(frame.Groups[1].Value), Number(frame.Groups[2].Value));
        var pixels = new byte[3 * width * height];
        var palette = new Dictionary<int, byte[]>();
        byte[] colour = [];
        (int x, int top) = (0, 0);
        foreach (Match token in Token().Matches(frame.Groups[3].Value))
        {
            switch (token.Value[0])
            {
                case '#':
                    int[] numbers = [.. token.Value[1..].Split(';').Select(Number)];
                    if (numbers.Length == 5)
                        palette[numbers[0]] = [.. numbers[2..].Select(static percent => (byte)Math.Round(percent * 2.55))];
                    colour = palette[numbers[0]];
                    break;
                case '$':
                    x = 0;
                    break;
                case '-':
                    (x, top) = (0, top + 6);
                    break;
                default:
                    int count = token.Value[0] == '!' ? Number(token.Value[1..^1]) : 1,
                        mask = token.Value[^1] - '?';
                    for (; count > 0; count--, x++)
                    {
                        for (int bit = 0; bit < 6; bit++)
                        {
                            if ((mask & (1 << bit)) != 0)
                                colour.CopyTo(pixels, 3 * ((top + bit) * width + x));
                        }
                    }

                    break;
            }
        }

        return (width, height, pixels);
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex("^\eP0;1q\"1;1;([0-9]+);([0-9]+)(.*)\e\\\\$", RegexOptions.Singleline)]
    private static partial Regex Frame();

    [GeneratedRegex("#[0-9;]+|\\$|-|![0-9]+[?-~]|[?-~]")]
    private static partial Regex Token();
}
