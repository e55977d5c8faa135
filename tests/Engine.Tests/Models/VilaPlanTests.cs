using Tessera.Imaging;
using Tessera.Vision.Families.Vila;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Engine.Tests.Models;

/// <summary>Plans of VILA 1.5 and NVILA as released, their limits, and the arithmetic of several scales.</summary>
public sealed class VilaPlanTests
{
    private static readonly PixelSize Tall = new(800, 1300);

    [Theory]
    [InlineData("vila-1.5", 1, 1, 1, 196)]
    [InlineData("vila-1.5-40b", 1, 1, 1, 256)]
    [InlineData("vila-1.5-s2", 2, 2, 5, 196)]
    [InlineData("nvila-lite", 2, 3, 7, 847)]
    [InlineData("nvila", 3, 4, 17, 3072)]
    public void A_tall_picture_is_cut_as_released(string release, int columns, int rows, int slices, int tokens)
    {
        SlicePlan plan = Processor(release).Plan(Tall, PlanRequest.Default);
        Assert.Equal((columns, rows, slices, tokens), (plan.Columns, plan.Rows, plan.Slices.Count, plan.ImageTokenCount));
        Assert.All(plan.Slices, slice => Assert.Equal(release == "vila-1.5" || release == "vila-1.5-s2" ? 384 : 448, slice.Size.Width));
        Assert.Equal(plan.ImageTokenCount, plan.Slices.Sum(static slice => slice.TokenCount));
        Assert.False(plan.IsLimited);
    }

    [Theory]
    [InlineData("nvila-lite", 121)]
    [InlineData("nvila", 256)]
    public void Beside_others_a_picture_is_not_cut(string release, int tokens)
    {
        SlicePlan plan = Processor(release).Plan(Tall, new PlanRequest { ImageCount = 2 });
        Assert.Equal((1, tokens), (plan.Slices.Count, plan.ImageTokenCount));
        Assert.Equal([null, "\n"], plan.Layout.Select(static span => span.Text));
    }

    [Fact]
    public void Newlines_stand_where_the_authors_put_them()
    {
        Assert.Single(Processor("vila-1.5").Plan(Tall, PlanRequest.Default).Layout);
        LayoutSpan[] spans = [.. Processor("nvila-lite").Plan(new PixelSize(100, 100), PlanRequest.Default).Layout];
        Assert.Equal([null, "\n", "\n"], spans.Select(static span => span.Text));
        Assert.Equal([false, true, false], spans.Select(static span => span.IsToken));
    }

    [Fact]
    public void Random_sizes_keep_the_last_scale_at_nine_to_twelve_tiles()
    {
        VilaImageProcessor processor = Processor("nvila");
        var random = new Random(11);
        for (int round = 0; round < 2000; round++)
        {
            SlicePlan plan = processor.Plan(new PixelSize(1 + random.Next(5000), 1 + random.Next(5000)), PlanRequest.Default);
            Assert.InRange(plan.Columns * plan.Rows, 9, 12);
            Assert.Equal(5 + plan.Columns * plan.Rows, plan.Slices.Count);
            Assert.Equal(256 * plan.Columns * plan.Rows, plan.ImageTokenCount);
        }
    }

    [Fact]
    public void Limits_hold_and_are_reported()
    {
        SlicePlan fewer = Processor("nvila").Plan(Tall, new PlanRequest { MaxImageTokens = 2500 });
        Assert.Equal((9, true), (fewer.Columns * fewer.Rows, fewer.IsLimited));
        SlicePlan whole = Processor("nvila").Plan(Tall, new PlanRequest { MaxSlices = 5 });
        Assert.Equal((1, 256, true, 3072), (whole.Slices.Count, whole.ImageTokenCount, whole.IsLimited, whole.UnlimitedTokenCount));
        foreach (string release in (string[])["vila-1.5", "vila-1.5-s2", "nvila-lite", "nvila"])
        {
            var tooFew = Assert.Throws<ImageTokenLimitException>(() =>
                Processor(release).Plan(Tall, new PlanRequest { MaxImageTokens = 100 })
            );
            Assert.True(tooFew.LeastTokenCount > 100);
        }
    }

    [Theory]
    [InlineData(8, 4)]
    [InlineData(12, 4)]
    [InlineData(6, 4)]
    public void A_picture_shrinks_by_the_cubic_of_its_neighbours(int side, int newSide)
    {
        var random = new Random(12);
        var picture = new PreparedSlice(
            new PixelSize(side, side),
            [.. Enumerable.Range(0, 3 * side * side).Select(_ => random.NextSingle())]
        );
        float[] shrunk = PixelScales.Shrink(picture, newSide).Pixels;
        for (int index = 0; index < shrunk.Length; index++)
        {
            int channel = index / (newSide * newSide),
                row = index / newSide % newSide,
                column = index % newSide;
            Assert.Equal(
                Slowly(picture.Pixels.AsSpan(channel * side * side, side * side), side, newSide, column, row),
                shrunk[index],
                1e-6
            );
        }
    }

    [Theory]
    [InlineData(4, 6)]
    [InlineData(4, 8)]
    [InlineData(6, 4)]
    [InlineData(8, 4)]
    [InlineData(5, 7)]
    public void A_map_is_averaged_over_the_cells_under_each_new_one(int side, int newSide)
    {
        const int Width = 2;
        var random = new Random(13);
        float[] values = [.. Enumerable.Range(0, side * side * Width).Select(_ => random.NextSingle())];
        FeatureMap map = FeatureMap.FromTiles([values], 1, side, Width);
        var window = new CellWindow(1, 2, newSide - 2, newSide - 2);
        FeatureMap averaged = map.Average(newSide, newSide, window);
        for (int row = 0; row < window.Rows; row++)
        {
            for (int column = 0; column < window.Columns; column++)
            {
                int[] across = Under(column + 1, side, newSide),
                    down = Under(row + 2, side, newSide);
                for (int channel = 0; channel < Width; channel++)
                    Assert.Equal(
                        down.SelectMany(y => across.Select(x => values[(y * side + x) * Width + channel])).Average(),
                        averaged.Row(row)[column * Width + channel],
                        1e-6
                    );
            }
        }
    }

    // The whole numbers from floor(i * in / out) to before ceil((i + 1) * in / out).
    private static int[] Under(int index, int inputs, int outputs)
    {
        int first = (int)Math.Floor((double)index * inputs / outputs),
            end = (int)Math.Ceiling((double)(index + 1) * inputs / outputs);
        return [.. Enumerable.Range(first, end - first)];
    }

    // Keys' cubic with a = -0.75 around the place that a new pixel's centre has in the old picture.
    private static double Slowly(ReadOnlySpan<float> plane, int side, int newSide, int column, int row)
    {
        double scale = (double)side / newSide,
            x = (column + 0.5) * scale - 0.5,
            y = (row + 0.5) * scale - 0.5,
            sum = 0;
        for (int v = (int)Math.Floor(y) - 1; v <= Math.Floor(y) + 2; v++)
        for (int u = (int)Math.Floor(x) - 1; u <= Math.Floor(x) + 2; u++)
            sum += Cubic(x - u) * Cubic(y - v) * plane[Math.Clamp(v, 0, side - 1) * side + Math.Clamp(u, 0, side - 1)];
        return sum;
    }

    private static double Cubic(double x)
    {
        const double A = -0.75;
        x = Math.Abs(x);
        return x <= 1 ? (A + 2) * x * x * x - (A + 3) * x * x + 1
            : x < 2 ? A * x * x * x - 5 * A * x * x + 8 * A * x - 4 * A
            : 0;
    }

    internal static VilaImageProcessor Processor(string release)
    {
        bool isLater = release.StartsWith("nvila", StringComparison.Ordinal),
            isIntern = release.EndsWith("40b", StringComparison.Ordinal);
        int side = isLater || isIntern ? 448 : 384;
        return new VilaImageProcessor(
            new VilaConfig
            {
                Tower = new VisionTransformerConfig
                {
                    ImageSize = side,
                    PatchSize = 14,
                    HiddenSize = 1152,
                    FeedForwardSize = 4304,
                    HeadCount = 16,
                    BlockCount = 26,
                    NormEpsilon = 1e-6f,
                    Activation = Activation.GeluTanh,
                    HasClassToken = isIntern,
                    HasPreNorm = false,
                    ImageMean = [0.5f, 0.5f, 0.5f],
                    ImageDeviation = [0.5f, 0.5f, 0.5f],
                },
                Shuffle = new PixelShuffle(release == "nvila-lite" ? 3 : 2, isLater ? TokenOrder.Row : TokenOrder.Column),
                Rule =
                    release == "nvila-lite" ? ImageRule.Dynamic
                    : isLater ? ImageRule.DynamicScales
                    : ImageRule.Resize,
                Tiles = new TileRule(release == "nvila" ? 9 : 1, 12, side),
                Scales =
                    release == "nvila" ? [1, 2, 3]
                    : release == "vila-1.5-s2" ? [1, 2]
                    : [],
                Connector = new DownsampleConnectorConfig(4608, 0, 2560, 2560),
            }
        );
    }
}
