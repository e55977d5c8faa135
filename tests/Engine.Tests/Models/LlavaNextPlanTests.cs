using System.Diagnostics;
using Tessera.Models;
using Tessera.Models.LlavaNext;

namespace Tessera.Engine.Tests.Models;

/// <summary>Plans of LLaVA-NeXT, HD and OneVision: worked examples of the references, and properties over random sizes.</summary>
public sealed class LlavaNextPlanTests
{
    private static readonly PixelSize[] NextCanvases = [new(336, 672), new(672, 336), new(672, 672), new(1008, 336), new(336, 1008)];
    private static readonly PixelSize[] OneVisionCanvases = [.. from i in Enumerable.Range(1, 6) from j in Enumerable.Range(1, 6) select new PixelSize(384 * i, 384 * j)];
    private static readonly PixelSize[] HdCanvases = [.. from i in Enumerable.Range(1, 6) from j in Enumerable.Range(1, 6) where i * j <= 6 select new PixelSize(224 * i, 224 * j)];

    public static TheoryData<string> Families => ["next", "onevision", "hd"];

    // haotian-liu/LLaVA, llava/mm_utils.py and llava_arch.py, run by hand.
    [Theory]
    [InlineData("next", 800, 1300, 672, 672, 2064)]
    [InlineData("next", 1300, 800, 672, 672, 2046)]
    [InlineData("next", 640, 480, 672, 672, 2340)]
    [InlineData("next", 800, 600, 672, 672, 2340)]
    [InlineData("next", 1920, 1080, 672, 672, 1948)]
    [InlineData("next", 1000, 1000, 672, 672, 2928)]
    [InlineData("next", 3000, 500, 1008, 336, 1452)]
    [InlineData("next", 336, 336, 336, 672, 1176)]
    [InlineData("next", 792, 1408, 672, 672, 576 + 48 * 27)]
    [InlineData("onevision", 800, 1300, 1152, 1536, 8073)]
    [InlineData("onevision", 1920, 1080, 1920, 1152, 7269)]
    [InlineData("onevision", 336, 336, 384, 384, 1485)]
    [InlineData("hd", 800, 1300, 448, 672, 1744)]
    [InlineData("hd", 1300, 800, 672, 448, 1726)]
    [InlineData("hd", 300, 200, 448, 224, 656)]
    public void Worked_examples(string family, int width, int height, int canvasWidth, int canvasHeight, int tokens)
    {
        SlicePlan plan = Processor(family).Plan(new PixelSize(width, height), PlanRequest.Default);
        Assert.Equal(new PixelSize(canvasWidth, canvasHeight), plan.Refined);
        Assert.Equal(tokens, plan.ImageTokenCount);
    }

    [Fact]
    public void The_worked_examples_fit_is_the_papers()
    {
        CanvasFit fit = AnyResolution.Fit(new PixelSize(800, 1300), new PixelSize(672, 672));
        Assert.Equal(new CanvasFit(new PixelSize(672, 672), new PixelSize(414, 672), 129, 0), fit);
    }

    [Fact]
    public void Ties_go_to_the_first_canvas_and_Hugging_Face_reads_them_height_first()
    {
        Assert.Equal(new PixelSize(336, 672), Processor("next").Plan(new PixelSize(300, 300), PlanRequest.Default).Refined);
        Assert.Equal(new PixelSize(672, 336), Processor("next", Preprocessing.Transformers).Plan(new PixelSize(300, 300), PlanRequest.Default).Refined);
    }

    [Fact]
    public void Hugging_Face_rounds_before_it_truncates() =>
        Assert.Equal(576 + 48 * 29, Processor("next", Preprocessing.Transformers).Plan(new PixelSize(792, 1408), PlanRequest.Default).ImageTokenCount);

    [Theory]
    [MemberData(nameof(Families))]
    public void Random_sizes_keep_the_properties(string family)
    {
        LlavaNextImageProcessor processor = Processor(family);
        var random = new Random(7);
        for (int round = 0; round < 4000; round++)
        {
            var image = new PixelSize(RandomSide(random), RandomSide(random));
            SlicePlan plan = processor.Plan(image, PlanRequest.Default);
            Check(plan, Config(family));
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Limits_hold_and_are_reported(string family)
    {
        LlavaNextImageProcessor processor = Processor(family);
        var random = new Random(8);
        int least = Config(family).Tower.PatchCount + 1;
        for (int round = 0; round < 1000; round++)
        {
            var image = new PixelSize(RandomSide(random), RandomSide(random));
            SlicePlan free = processor.Plan(image, PlanRequest.Default);
            var request = new PlanRequest { MaxSlices = random.Next(1, 8), MaxImageTokens = random.Next(least, 9000) };
            SlicePlan limited = processor.Plan(image, request);
            Assert.True(limited.Slices.Count <= request.MaxSlices && limited.ImageTokenCount <= request.MaxImageTokens, $"{image}: {limited.Slices.Count} slices, {limited.ImageTokenCount} tokens");
            Assert.Equal(Math.Max(free.Slices.Count, limited.Slices.Count), limited.UnlimitedSliceCount);
        }

        Assert.Contains("--max-image-tokens", Assert.Throws<TesseraException>(() => processor.Plan(new PixelSize(800, 600), new PlanRequest { MaxImageTokens = least - 1 })).Message);
    }

    [Fact]
    public void Several_pictures_are_not_cut_by_OneVision_but_are_by_NeXT()
    {
        var request = new PlanRequest { ImageCount = 2 };
        Assert.Equal(730, Processor("onevision").Plan(new PixelSize(800, 1300), request).ImageTokenCount);
        Assert.Equal(2064, Processor("next").Plan(new PixelSize(800, 1300), request).ImageTokenCount);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Planning_takes_microseconds(string family)
    {
        LlavaNextImageProcessor processor = Processor(family);
        processor.Plan(new PixelSize(800, 1300), PlanRequest.Default);
        long started = Stopwatch.GetTimestamp();
        for (int round = 0; round < 100; round++) processor.Plan(new PixelSize(20000, 1 + round), PlanRequest.Default);
        Assert.True(Stopwatch.GetElapsedTime(started).TotalMilliseconds / 100 < 10, "A plan took more than 10 ms, even on a busy machine.");
    }

    private static void Check(SlicePlan plan, LlavaNextConfig config)
    {
        int tile = config.Tower.ImageSize;
        Assert.Contains(plan.Refined, config.Canvases);
        Assert.Equal(plan.Columns * plan.Rows + 1, plan.Slices.Count);
        Assert.Equal(plan.Refined, new PixelSize(plan.Columns * tile, plan.Rows * tile));
        Assert.All(plan.Slices, slice => Assert.Equal(new PixelSize(tile, tile), slice.Size));
        Assert.Equal(SliceKind.Overview, plan.Slices[0].Kind);
        Assert.Equal(Enumerable.Range(0, plan.Columns * plan.Rows), plan.Slices.Skip(1).Select(slice => slice.Row * plan.Columns + slice.Column));
        Assert.False(plan.IsLimited);
        CanvasFit fit = AnyResolution.Fit(plan.Image, plan.Refined);
        Assert.True(fit.Resized.Width == plan.Refined.Width || fit.Resized.Height == plan.Refined.Height);
        Assert.True(fit.Left >= 0 && fit.Top >= 0 && fit.Left + fit.Resized.Width <= plan.Refined.Width && fit.Top + fit.Resized.Height <= plan.Refined.Height);
        Assert.All(plan.Layout, span => Assert.True(span.RowCount >= 0));
        if (config.MaxMapTiles is int tiles) Assert.True(plan.ImageTokenCount <= config.Tower.PatchCount * (1 + tiles * 1.21) + 6 * config.Tower.PatchesPerSide + 1);
    }

    private static int RandomSide(Random random) => (int)Math.Round(Math.Pow(20000, random.NextDouble()));

    private static LlavaNextImageProcessor Processor(string family, Preprocessing preprocessing = Preprocessing.Original) => new(Config(family), preprocessing);

    private static LlavaNextConfig Config(string family) => new()
    {
        Tower = Tower(family switch { "next" => 336, "hd" => 224, _ => 384 }),
        Connector = new MlpConnectorConfig(1024, 4096, 4096, MlpKind.TwoLayers),
        Canvases = family switch { "next" => NextCanvases, "hd" => HdCanvases, _ => OneVisionCanvases },
        Merge = PatchMerge.SpatialUnpad,
        Unpad = family == "hd" ? UnpadRule.Exclusive : UnpadRule.Floor,
        MaxMapTiles = family == "onevision" ? 9 : null,
        NewlineOnOverview = false,
        NewlineTensor = "model.image_newline",
    };

    private static VisionTransformerConfig Tower(int imageSize) => new()
    {
        ImageSize = imageSize,
        PatchSize = 14,
        HiddenSize = 1024,
        FeedForwardSize = 4096,
        HeadCount = 16,
        BlockCount = 23,
        NormEpsilon = 1e-5f,
        Activation = Activation.QuickGelu,
        HasClassToken = true,
        HasPreNorm = true,
        ImageMean = [0.5f, 0.5f, 0.5f],
        ImageDeviation = [0.5f, 0.5f, 0.5f],
    };
}
