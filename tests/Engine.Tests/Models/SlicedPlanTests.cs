using System.Text.Json;
using Tessera.Engine.Tests.Gguf;
using Tessera.Vision.Slicing;

namespace Tessera.Engine.Tests.Models;

/// <summary>Plans of MiniCPM-V and LLaVA-UHD: worked examples of the references, and properties over random sizes.</summary>
public sealed class SlicedPlanTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Families => ["2.0", "2.5", "2.6", "4.6", "4.6-4x", "uhd"];

    public void Dispose() => folder.Dispose();

    // OpenBMB/MiniCPM-V, finetune/dataset.py, and thunlp/LLaVA-UHD, llava/slice_process.py, run by hand.
    [Theory]
    [InlineData("2.6", 800, 1300, 2, 3, 868, 1386, 350, 574, 448)]
    [InlineData("2.6", 1920, 1080, 4, 2, 1680, 952, 602, 336, 576)]
    [InlineData("2.6", 300, 200, 1, 1, 546, 364, 546, 364, 64)]
    [InlineData("2.6", 600, 300, 1, 1, 630, 322, 630, 322, 64)]
    [InlineData("2.5", 800, 1300, 2, 3, 868, 1386, 350, 574, 672)]
    [InlineData("2.0", 800, 1300, 2, 3, 868, 1386, 350, 574, 448)]
    [InlineData("4.6", 800, 1300, 2, 3, 896, 1344, 336, 560, 60 + 6 * 64)]
    [InlineData("4.6", 300, 200, 1, 1, 560, 392, 560, 392, 70)]
    [InlineData("4.6-4x", 800, 1300, 2, 3, 896, 1344, 336, 560, 4 * (60 + 6 * 64))]
    [InlineData("uhd", 630, 1024, 2, 3, 644, 1008, 252, 420, 448)]
    public void Worked_examples(
        string family,
        int width,
        int height,
        int columns,
        int rows,
        int refinedWidth,
        int refinedHeight,
        int overviewWidth,
        int overviewHeight,
        int tokens
    )
    {
        SlicePlan plan = Processor(family).Plan(new PixelSize(width, height), PlanRequest.Default);
        Assert.Equal((columns, rows), (plan.Columns, plan.Rows));
        Assert.Equal(new PixelSize(refinedWidth, refinedHeight), plan.Refined);
        Assert.Equal(
            new PixelSize(overviewWidth, overviewHeight),
            plan.Slices.Single(static slice => slice.Kind == SliceKind.Overview).Size
        );
        Assert.Equal(tokens, plan.ImageTokenCount);
    }

    [Fact]
    public void Halves_go_to_the_even_patch() =>
        Assert.Equal(28, SliceGrid.Overview(new PixelSize(35, 448), new SliceRule(448, 14, 9, DivideRule.Round)).Width);

    [Theory]
    [InlineData("2.0", "<image>[64]</image><slice><image>[64]</image><image>[64]</image>\n<image>[64]</image><image>[64]</image></slice>")]
    [InlineData("2.5", "<image>[96]</image><slice><image>[96]</image><image>[96]</image>\n<image>[96]</image><image>[96]</image></slice>")]
    [InlineData(
        "2.6",
        "<image_id>2</image_id><image>[64]</image><slice>[64]</slice><slice>[64]</slice>\n<slice>[64]</slice><slice>[64]</slice>"
    )]
    [InlineData(
        "4.6",
        "<image_id>2</image_id><image>[64]</image><slice>[64]</slice><slice>[64]</slice>\n<slice>[64]</slice><slice>[64]</slice>"
    )]
    [InlineData("uhd", "[64],[64]\n[64],[64]\n[64]")]
    public void The_schema_is_the_releases(string family, string expected)
    {
        SlicePlan plan = Processor(family).Plan(new PixelSize(850, 850), new PlanRequest { MaxSlices = 5, ImageIndex = 2 });
        Assert.Equal(expected, string.Concat(plan.Layout.Select(static span => span.Text ?? $"[{span.RowCount}]")));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Random_sizes_keep_the_properties(string family)
    {
        IImageProcessor processor = Processor(family);
        var random = new Random(11);
        for (int round = 0; round < 4000; round++)
            Check(family, processor.Plan(RandomSize(random, family), PlanRequest.Default));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Limits_hold_and_are_reported(string family)
    {
        IImageProcessor processor = Processor(family);
        var random = new Random(12);
        for (int round = 0; round < 1000; round++)
        {
            PixelSize image = RandomSize(random, family);
            int least = processor.Plan(image, new PlanRequest { MaxSlices = 1 }).ImageTokenCount;
            SlicePlan free = processor.Plan(image, PlanRequest.Default);
            var request = new PlanRequest { MaxSlices = random.Next(1, 30), MaxImageTokens = random.Next(least, 2000) };
            SlicePlan limited = processor.Plan(image, request);
            Assert.True(
                limited.Slices.Count <= request.MaxSlices && limited.ImageTokenCount <= request.MaxImageTokens,
                $"{image}: {limited.Slices.Count} slices, {limited.ImageTokenCount} tokens"
            );
            Assert.Equal(Math.Max(free.Slices.Count, limited.Slices.Count), limited.UnlimitedSliceCount);
        }

        var few = new PlanRequest
        {
            MaxImageTokens = processor.Plan(new PixelSize(800, 600), new PlanRequest { MaxSlices = 1 }).ImageTokenCount - 1,
        };
        var tooFew = Assert.Throws<ImageTokenLimitException>(() => processor.Plan(new PixelSize(800, 600), few));
        Assert.Equal(few.MaxImageTokens + 1, tooFew.LeastTokenCount);
    }

    [Fact]
    public void More_slices_than_the_models_own_limit_can_be_asked_for()
    {
        SlicePlan plan = Processor("2.6").Plan(new PixelSize(4480, 4480), new PlanRequest { MaxSlices = 37 });
        Assert.Equal((6, 6), (plan.Columns, plan.Rows));
        Assert.False(plan.IsLimited);
    }

    // The golden lists what the image processor of transformers decides for pictures of all shapes.
    [Fact]
    public void Sizes_of_4_6_are_transformers()
    {
        IImageProcessor processor = Processor("4.6");
        int[][] golden = JsonSerializer.Deserialize<int[][]>(
            File.ReadAllText(RepositoryRoot.Path("tests", "goldens", "minicpm-v", "sizes46.json"))
        )!;
        Assert.True(golden.Length > 300);
        foreach (int[] expected in golden)
        {
            SlicePlan plan = processor.Plan(new PixelSize(expected[0], expected[1]), PlanRequest.Default);
            PixelSize overview = plan.Slices[0].Size,
                tile = plan.Slices.Count > 1 ? plan.Slices[1].Size : default;
            int[] actual = [expected[0], expected[1], plan.Columns, plan.Rows, overview.Width, overview.Height, tile.Width, tile.Height];
            Assert.Equal(string.Join(' ', expected), string.Join(' ', actual));
        }
    }

    [Fact]
    public void A_picture_of_one_line_is_refused_in_words() =>
        Assert.Contains(
            "too elongated",
            Assert.Throws<TesseraException>(() => Processor("2.6").Plan(new PixelSize(200_000, 1), PlanRequest.Default)).Message
        );

    private static void Check(string family, SlicePlan plan)
    {
        int scale = family == "uhd" ? 336 : 448,
            most = family == "uhd" ? 6 : 9,
            tiles = plan.Columns * plan.Rows,
            step = IsMerged(family) ? 56 : 14;
        Slice overview = plan.Slices[family == "uhd" ? plan.Slices.Count - 1 : 0];
        Slice[] cut = [.. plan.Slices.Where(static slice => slice.Kind == SliceKind.Tile)];
        Assert.Equal(SliceKind.Overview, overview.Kind);
        Assert.Equal(tiles == 1 ? 0 : tiles, cut.Length);
        Assert.InRange(tiles, 1, most);
        Assert.Equal(Enumerable.Range(0, cut.Length), cut.Select(slice => slice.Row * plan.Columns + slice.Column));
        Assert.Equal(plan.Slices.Sum(static slice => slice.TokenCount), plan.ImageTokenCount);
        Assert.Equal(plan.Slices.Count, plan.Layout.Count(static span => span.RowCount > 0));
        Assert.All(
            plan.Slices,
            slice =>
                Assert.True(
                    slice.Size.Width >= step && slice.Size.Height >= step && slice.Size.Width % step == 0 && slice.Size.Height % step == 0
                )
        );
        Assert.All(cut, slice => Assert.Equal(plan.Refined, new PixelSize(slice.Size.Width * plan.Columns, slice.Size.Height * plan.Rows)));
        Assert.All(plan.Slices, slice => CheckShape(slice, scale, step));
        if (IsMerged(family))
            Assert.All(plan.Slices, slice => Assert.Equal(slice.Size.Area / (family == "4.6" ? 56 * 56 : 28 * 28), slice.TokenCount));
    }

    // No distortion beyond a patch: each slice has its source's shape and about the square's area.
    private static void CheckShape(Slice slice, int scale, int step)
    {
        int most = Math.Max(step, step / 2 + 15);
        double ratio = slice.Source.Width / slice.Source.Height,
            root = Math.Sqrt(ratio);
        // The reference first makes the picture a multiple of the grid, which tells where it is a few pixels wide or high.
        if (slice.Kind == SliceKind.Tile && Math.Min(slice.Source.Width, slice.Source.Height) < 100)
            return;
        Assert.True(
            Math.Abs(slice.Size.Height - scale / root) < most && Math.Abs(slice.Size.Width - scale * root) < most + 1.2 * ratio,
            $"{slice}"
        );
    }

    private IImageProcessor Processor(string family) =>
        SlicedProjectors.Open(folder, contents => contents.Become(SlicedProjectors.Release(family))).Processor;

    private static bool IsMerged(string family) => family.StartsWith("4.6", StringComparison.Ordinal);

    // A slice of 4.6 is at least four patches high, so that lines longer than this are refused.
    private static PixelSize RandomSize(Random random, string family)
    {
        while (true)
        {
            var size = new PixelSize(RandomSide(random), RandomSide(random));
            if (!IsMerged(family) || Math.Max(size.Width, size.Height) < 1400 * Math.Min(size.Width, size.Height))
                return size;
        }
    }

    // Half of the sides small, the rest up to 20000, so that strips, squares and single pixels all occur.
    private static int RandomSide(Random random) => random.Next(2) == 0 ? random.Next(1, 600) : random.Next(1, 20001);
}
