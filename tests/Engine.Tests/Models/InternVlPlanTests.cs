using System.Diagnostics;
using Tessera.Vision.Families.InternVl;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Engine.Tests.Models;

/// <summary>Plans of InternVL: worked examples of the original, ties, and properties over random sizes.</summary>
public sealed class InternVlPlanTests
{
    private const int Tile = 448;

    // OpenGVLab/InternVL, internvl_chat/internvl/train/dataset.py, dynamic_preprocess(max_num=12, use_thumbnail=True), run by hand.
    [Theory]
    [InlineData(800, 1300, 2, 3, 1792)]
    [InlineData(1300, 800, 3, 2, 1792)]
    [InlineData(300, 200, 3, 2, 1792)]
    [InlineData(1920, 1080, 4, 2, 2304)]
    [InlineData(640, 480, 4, 3, 3328)]
    [InlineData(448, 448, 1, 1, 256)]
    [InlineData(896, 896, 2, 2, 1280)]
    [InlineData(1, 20000, 1, 12, 3328)]
    [InlineData(20000, 1, 12, 1, 3328)]
    public void Worked_examples(int width, int height, int columns, int rows, int tokens)
    {
        SlicePlan plan = Processor(1, 12).Plan(new PixelSize(width, height), PlanRequest.Default);
        Assert.Equal((columns, rows), (plan.Columns, plan.Rows));
        Assert.Equal(tokens, plan.ImageTokenCount);
    }

    // 0.5 * 448 * 448 * 4 = 633.6 squared, and with 9 tiles 950.4 squared.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(633, 1)]
    [InlineData(634, 2)]
    [InlineData(950, 2)]
    [InlineData(951, 3)]
    [InlineData(20000, 3)]
    public void The_larger_of_equal_grids_needs_a_picture_of_half_its_pixels(int side, int columns) =>
        Assert.Equal(columns, Processor(1, 12).Plan(new PixelSize(side, side), PlanRequest.Default).Columns);

    [Theory]
    [InlineData(1, 12)]
    [InlineData(1, 6)]
    [InlineData(1, 1)]
    [InlineData(2, 4)]
    [InlineData(1, 40)]
    public void Random_sizes_keep_the_properties(int minTiles, int maxTiles)
    {
        InternVlImageProcessor processor = Processor(minTiles, maxTiles);
        var random = new Random(7);
        for (int round = 0; round < 4000; round++)
        {
            var image = new PixelSize(RandomSide(random), RandomSide(random));
            SlicePlan plan = processor.Plan(image, PlanRequest.Default);
            Check(plan, minTiles, maxTiles);
            Assert.Equal(Slowly(image, minTiles, maxTiles), (plan.Columns, plan.Rows));
        }
    }

    [Fact]
    public void Limits_hold_and_are_reported()
    {
        InternVlImageProcessor processor = Processor(1, 12);
        var random = new Random(8);
        for (int round = 0; round < 1000; round++)
        {
            var image = new PixelSize(RandomSide(random), RandomSide(random));
            SlicePlan free = processor.Plan(image, PlanRequest.Default);
            var request = new PlanRequest { MaxSlices = random.Next(1, 14), MaxImageTokens = random.Next(256, 4000) };
            SlicePlan limited = processor.Plan(image, request);
            Assert.True(
                limited.Slices.Count <= request.MaxSlices && limited.ImageTokenCount <= request.MaxImageTokens,
                $"{image}: {limited.Slices.Count} slices"
            );
            Assert.Equal(Math.Max(free.Slices.Count, limited.Slices.Count), limited.UnlimitedSliceCount);
            Assert.Equal(free.Slices.Count > limited.Slices.Count, limited.IsLimited);
        }

        var tooFew = Assert.Throws<ImageTokenLimitException>(() =>
            processor.Plan(new PixelSize(800, 600), new PlanRequest { MaxImageTokens = 255 })
        );
        Assert.Equal((256, 255), (tooFew.LeastTokenCount, tooFew.Limit));
    }

    [Fact]
    public void A_limit_gives_what_the_original_gives_with_a_smaller_maximum()
    {
        var random = new Random(9);
        for (int round = 0; round < 1000; round++)
        {
            var image = new PixelSize(RandomSide(random), RandomSide(random));
            int tiles = random.Next(2, 12);
            SlicePlan limited = Processor(1, 12).Plan(image, new PlanRequest { MaxSlices = tiles + 1 });
            SlicePlan smaller = Processor(1, tiles).Plan(image, PlanRequest.Default);
            if (limited.IsLimited)
                Assert.Equal((smaller.Columns, smaller.Rows), (limited.Columns, limited.Rows));
        }
    }

    [Fact]
    public void Planning_takes_microseconds()
    {
        InternVlImageProcessor processor = Processor(1, 334);
        processor.Plan(new PixelSize(800, 1300), PlanRequest.Default);
        var fastest = TimeSpan.MaxValue;
        for (int round = 0; round < 100; round++)
        {
            long started = Stopwatch.GetTimestamp();
            processor.Plan(new PixelSize(20000, 1 + round), PlanRequest.Default);
            TimeSpan took = Stopwatch.GetElapsedTime(started);
            fastest = took < fastest ? took : fastest;
        }

        // No machine is so busy that it interrupts each of them.
        Assert.True(fastest.TotalMilliseconds < 10, $"{fastest}");
    }

    private static void Check(SlicePlan plan, int minTiles, int maxTiles)
    {
        int tiles = plan.Columns * plan.Rows;
        Assert.InRange(tiles, minTiles, maxTiles);
        Assert.Equal(tiles == 1 ? 1 : tiles + 1, plan.Slices.Count);
        Assert.Equal(new PixelSize(plan.Columns * Tile, plan.Rows * Tile), plan.Refined);
        Assert.All(plan.Slices, slice => Assert.Equal(new PixelSize(Tile, Tile), slice.Size));
        Assert.Equal(SliceKind.Overview, plan.Slices[^1].Kind);
        Assert.Equal(SourceRectangle.Whole(plan.Image), plan.Slices[^1].Source);
        Assert.Equal(
            Enumerable.Range(0, tiles == 1 ? 0 : tiles),
            plan.Slices.SkipLast(1).Select(slice => slice.Row * plan.Columns + slice.Column)
        );
        Assert.Equal(plan.Slices.Count * 256, plan.ImageTokenCount);
        Assert.Equal(("<img>", "</img>"), (plan.Layout[0].Text, plan.Layout[^1].Text));
        Assert.Equal(
            plan.Slices.Select(static slice => slice.TokenCount),
            plan.Layout.Where(static span => span.Text is null).Select(static span => span.RowCount)
        );
        Assert.False(plan.IsLimited);
    }

    // The original's loop, with its set sorted by area only and equal areas in the other order where that cannot matter.
    private static (int Columns, int Rows) Slowly(PixelSize image, int minTiles, int maxTiles)
    {
        var ratios = new List<(int I, int J)>();
        for (int i = maxTiles; i >= 1; i--)
        {
            for (int j = 1; j <= maxTiles; j++)
                if (i * j >= minTiles && i * j <= maxTiles)
                    ratios.Add((i, j));
        }

        if (minTiles > 1)
            ratios.Reverse();
        double least = double.PositiveInfinity;
        (int, int) best = (1, 1);
        foreach ((int i, int j) in ratios.OrderBy(static ratio => ratio.I * ratio.J))
        {
            double difference = Math.Abs((double)image.Width / image.Height - (double)i / j);
            if (difference < least)
                (best, least) = ((i, j), difference);
            else if (difference == least && (double)image.Width * image.Height > 0.5 * Tile * Tile * i * j)
                best = (i, j);
        }

        return best;
    }

    private static int RandomSide(Random random) => (int)Math.Round(Math.Pow(20000, random.NextDouble()));

    private static InternVlImageProcessor Processor(int minTiles, int maxTiles) =>
        new(
            new InternVlConfig
            {
                Tower = new VisionTransformerConfig
                {
                    ImageSize = Tile,
                    PatchSize = 14,
                    HiddenSize = 1024,
                    FeedForwardSize = 4096,
                    HeadCount = 16,
                    BlockCount = 24,
                    NormEpsilon = 1e-6f,
                    Activation = Activation.GeluErf,
                    HasClassToken = true,
                    HasPreNorm = false,
                    HasLayerScale = true,
                    ImageMean = [0.485f, 0.456f, 0.406f],
                    ImageDeviation = [0.229f, 0.224f, 0.225f],
                },
                Tiles = new TileRule(minTiles, maxTiles, Tile),
                Shuffle = new PixelShuffle(2, TokenOrder.Row),
                ConnectorPrefix = "mm.model.mlp",
                Inner = 896,
                Outputs = 896,
            }
        );
}
