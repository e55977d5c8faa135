namespace Tessera.Imaging;

/// <summary>Draws regions over their picture, each in a colour of its own.</summary>
internal static class RegionDrawing
{
    // Far from each other for most eyes (Okabe and Ito, Color Universal Design, 2008).
    private static readonly (string Name, Rgb Colour)[] Colours =
    [
        ("orange", new Rgb(230, 159, 0)),
        ("sky blue", new Rgb(86, 180, 233)),
        ("green", new Rgb(0, 158, 115)),
        ("yellow", new Rgb(240, 228, 66)),
        ("blue", new Rgb(0, 114, 178)),
        ("vermilion", new Rgb(213, 94, 0)),
        ("purple", new Rgb(204, 121, 167)),
    ];

    /// <summary>What the colour of a region is called, by its place among those drawn.</summary>
    public static string ColourName(int index) => Colours[index % Colours.Length].Name;

    /// <summary>A copy of the picture: boxes as frames, points as crosses, with black beside them.</summary>
    public static RgbImage Draw(RgbImage image, IReadOnlyList<GroundedRegion> regions)
    {
        RgbImage drawn = image.Clone();
        int thickness = Math.Max(2, Math.Max(image.Width, image.Height) / 300);
        for (int index = 0; index < regions.Count; index++)
        {
            Draw(drawn, regions[index], 2 * thickness, new Rgb(0, 0, 0));
            Draw(drawn, regions[index], thickness, Colours[index % Colours.Length].Colour);
        }

        return drawn;
    }

    private static void Draw(RgbImage image, GroundedRegion region, int thickness, Rgb colour)
    {
        (int left, int top) = ((int)Math.Round(region.Left), (int)Math.Round(region.Top));
        if (region.Kind == RegionKind.Box)
        {
            FrameDrawing.Frame(
                image,
                left,
                top,
                (int)Math.Round(region.Right),
                (int)Math.Round(region.Bottom),
                thickness,
                thickness,
                colour
            );
            return;
        }

        int arm = Math.Max(image.Width, image.Height) / 50 + thickness;
        FrameDrawing.Fill(image, left - arm, left + arm, top - thickness, top + thickness, colour);
        FrameDrawing.Fill(image, left - thickness, left + thickness, top - arm, top + arm, colour);
    }
}
