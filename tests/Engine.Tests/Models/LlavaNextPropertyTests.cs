using System.Diagnostics;
using Tessera.Vision.Families.LlavaNext;
using Tessera.Vision.Slicing;
using Xunit.Abstractions;

namespace Tessera.Engine.Tests.Models;

/// <summary>What must hold for LLaVA-NeXT, HD and OneVision whatever the picture's size, from 1 x 1 to 20000 x 20000.</summary>
public sealed class LlavaNextPropertyTests(ITestOutputHelper output)
{
    private const int LongestSide = 20000;

    public static TheoryData<string> Families => ["next", "onevision", "hd"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Slices_tile_the_canvas_and_are_of_the_towers_size(string family)
    {
        LlavaNextConfig config = TiledLlavas.Config(family);
        int tile = config.Tower.ImageSize;
        foreach ((PixelSize image, SlicePlan plan) in Plans(family))
        {
            Assert.Contains(plan.Refined, config.Canvases);
            Assert.Equal(plan.Refined, new PixelSize(plan.Columns * tile, plan.Rows * tile));
            Assert.Equal(plan.Columns * plan.Rows + 1, plan.Slices.Count);
            Assert.All(plan.Slices, slice => Assert.Equal(new PixelSize(tile, tile), slice.Size));
            Assert.Equal(SliceKind.Overview, plan.Slices[0].Kind);
            Assert.Equal(
                Enumerable.Range(0, plan.Columns * plan.Rows),
                plan.Slices.Skip(1).Select(slice => slice.Row * plan.Columns + slice.Column)
            );
            Assert.False(plan.IsLimited);
            CheckSources(image, plan);
            CheckFit(config.Fit(image, plan.Refined));
        }
    }

    /// <summary>Row by row: the layout is what a plain count of cells gives.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void The_layout_is_what_counting_cells_gives(string family)
    {
        LlavaNextConfig config = TiledLlavas.Config(family);
        int side = config.Tower.PatchesPerSide;
        foreach ((PixelSize image, SlicePlan plan) in Plans(family))
        {
            (int columns, int rows) = PlainMap(config, image, plan);
            Assert.Equal(side * side + rows * (columns + 1), plan.ImageTokenCount);
            Assert.Equal(new LayoutSpan("overview", side * side), plan.Layout[0]);
            Assert.Equal(
                Enumerable.Repeat<LayoutSpan[]>([new("row", columns), new("newline", 1)], rows).SelectMany(static pair => pair),
                plan.Layout.Skip(1)
            );
            if (config.MaxMapTiles is int tiles)
                Assert.True(rows * columns <= tiles * side * side * 1.1 * 1.1);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Limits_hold_and_are_reported(string family)
    {
        LlavaNextImageProcessor processor = TiledLlavas.Processor(family);
        var random = new Random(8);
        int least = TiledLlavas.Config(family).Tower.PatchCount + 1;
        foreach ((PixelSize image, SlicePlan free) in Plans(family, 1000))
        {
            var request = new PlanRequest { MaxSlices = random.Next(1, 8), MaxImageTokens = random.Next(least, 9000) };
            SlicePlan limited = processor.Plan(image, request);
            Assert.True(
                limited.Slices.Count <= request.MaxSlices && limited.ImageTokenCount <= request.MaxImageTokens,
                $"{image}: {limited.Slices.Count} slices, {limited.ImageTokenCount} tokens"
            );
            Assert.Equal(!request.Allows(free.Slices.Count, free.ImageTokenCount), limited.IsLimited);
            Assert.Equal(free.Slices.Count, limited.UnlimitedSliceCount);
            Assert.Equal(Math.Max(free.ImageTokenCount, limited.ImageTokenCount), limited.UnlimitedTokenCount);
        }

        var tooFew = Assert.Throws<ImageTokenLimitException>(() =>
            processor.Plan(new PixelSize(800, 600), new PlanRequest { MaxImageTokens = least - 1 })
        );
        Assert.Equal((least, least - 1), (tooFew.LeastTokenCount, tooFew.Limit));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Planning_takes_microseconds(string family)
    {
        LlavaNextImageProcessor processor = TiledLlavas.Processor(family);
        PixelSize[] sizes = [.. Sizes(500)];
        foreach (PixelSize size in sizes)
            processor.Plan(size, PlanRequest.Default);
        double Microseconds(PixelSize size)
        {
            long started = Stopwatch.GetTimestamp();
            processor.Plan(size, PlanRequest.Default);
            return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }

        // The middle one of many: no machine is so busy that it interrupts half of them.
        double middle = sizes.Select(Microseconds).Order().ElementAt(sizes.Length / 2);
        output.WriteLine($"{family}: {middle:0.0} microseconds a plan");
        Assert.True(middle < 10_000, "A plan took more than 10 ms.");
    }

    // Neighbours share an edge, together they cover the picture, and no tile shows nothing of it.
    private static void CheckSources(PixelSize image, SlicePlan plan)
    {
        const double Tolerance = 1e-6;
        SourceRectangle[] sources = [.. plan.Slices.Skip(1).Select(static slice => slice.Source)];
        for (int index = 0; index < sources.Length; index++)
        {
            SourceRectangle source = sources[index];
            if ((index + 1) % plan.Columns != 0)
                Assert.Equal(source.Left + source.Width, sources[index + 1].Left, Tolerance * image.Width);
            if (index + plan.Columns < sources.Length)
                Assert.Equal(source.Top + source.Height, sources[index + plan.Columns].Top, Tolerance * image.Height);
        }

        Assert.True(sources[0].Left <= 0 && sources[0].Top <= 0);
        Assert.True(
            sources[^1].Left + sources[^1].Width >= image.Width * (1 - Tolerance)
                && sources[^1].Top + sources[^1].Height >= image.Height * (1 - Tolerance)
        );
    }

    // One side fills the canvas, the other lies within it.
    private static void CheckFit(CanvasFit fit)
    {
        (PixelSize canvas, PixelSize resized) = (fit.Canvas, fit.Resized);
        Assert.True(resized.Width == canvas.Width || resized.Height == canvas.Height);
        Assert.True(
            resized.Width > 0
                && resized.Height > 0
                && fit.Left >= 0
                && fit.Top >= 0
                && fit.Left + resized.Width <= canvas.Width
                && fit.Top + resized.Height <= canvas.Height
        );
    }

    // The slow obvious version: each column and each row asked for itself.
    private static (int Columns, int Rows) PlainMap(LlavaNextConfig config, PixelSize image, SlicePlan plan)
    {
        int side = config.Tower.PatchesPerSide,
            columns = plan.Columns * side,
            rows = plan.Rows * side;
        if (config.Unpad == UnpadRule.Exclusive)
        {
            CanvasFit fit = config.Fit(image, plan.Refined);
            int patch = config.Tower.PatchSize;
            return (
                Enumerable.Range(0, columns).Count(column => Shows(column * patch, patch, fit.Left, fit.Resized.Width)),
                Enumerable.Range(0, rows).Count(row => Shows(row * patch, patch, fit.Top, fit.Resized.Height))
            );
        }

        bool isWider = (double)image.Width / image.Height > (double)columns / rows;
        int newRows = isWider ? rows - (rows - (int)(image.Height * ((double)columns / image.Width))) / 2 * 2 : rows;
        int newColumns = isWider ? columns : columns - (columns - (int)(image.Width * ((double)rows / image.Height))) / 2 * 2;
        if (config.MaxMapTiles is not int tiles)
            return (newColumns, newRows);
        double times = Math.Sqrt((double)(newRows * newColumns) / (tiles * side * side));
        return times > 1.1 ? (Largest(newColumns, times), Largest(newRows, times)) : (newColumns, newRows);
    }

    private static bool Shows(int start, int length, int pictureStart, int pictureLength) =>
        start < pictureStart + pictureLength && pictureStart < start + length;

    // The largest whole number of times that a step fits.
    private static int Largest(int length, double step)
    {
        int count = 0;
        while (IsAtMost(count + 1, step, length))
            count++;
        return count;
    }

    // count * step <= length without rounding: fused, the product's sign against the length is exact.
    private static bool IsAtMost(int count, double step, int length) => Math.FusedMultiplyAdd(count, step, -length) <= 0;

    private static IEnumerable<(PixelSize Image, SlicePlan Plan)> Plans(string family, int count = 4000)
    {
        LlavaNextImageProcessor processor = TiledLlavas.Processor(family);
        return Sizes(count).Select(size => (size, processor.Plan(size, PlanRequest.Default)));
    }

    private static IEnumerable<PixelSize> Sizes(int count)
    {
        var random = new Random(7);
        PixelSize[] extremes =
        [
            new(1, 1),
            new(LongestSide, 1),
            new(1, LongestSide),
            new(LongestSide, LongestSide),
            new(500, 1),
            new(1, 500),
        ];
        return extremes.Concat(Enumerable.Range(0, count).Select(_ => new PixelSize(Side(random), Side(random))));
    }

    private static int Side(Random random) => (int)Math.Round(Math.Pow(LongestSide, random.NextDouble()));
}
