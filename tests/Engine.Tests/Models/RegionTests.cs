using Tessera.Engine.Tests.Gguf;
using Tessera.Imaging;
using Tessera.Vision.Families;
using Tessera.Vision.Families.MiniGpt;

namespace Tessera.Engine.Tests.Models;

/// <summary>Boxes and points of answers, by family, and where they lie in the original.</summary>
public sealed class RegionTests
{
    [Theory]
    [InlineData("<p>a cat</p> {<10><20><30><40>}", "a cat 0.1 0.2 0.3 0.4")]
    [InlineData(
        "<p>dogs</p> {<0><0><50><100>}<delim>{<50><0><100><100>} and <p>sky</p> {<1><2><3><4>}",
        "dogs 0 0 0.5 1|dogs 0.5 0 1 1|sky 0.01 0.02 0.03 0.04"
    )]
    [InlineData("{<30><40><10><20>}", " 0.1 0.2 0.3 0.4")]
    [InlineData("<p>far</p> {<10><20><30><400>} {<10><20><30>} no box <p>", "")]
    public void Minigpt_writes_hundredths(string answer, string expected) => Assert.Equal(expected, Shown(MiniGptRegions.Read(answer)));

    [Theory]
    [InlineData("<ref>the red one</ref><box>[[100, 200, 300, 400]]</box>", "the red one 0.1 0.2 0.3 0.4")]
    [InlineData("<ref>birds</ref><box>[[0, 0, 500, 1000], [500, 0, 1000, 1000]]</box>", "birds 0 0 0.5 1|birds 0.5 0 1 1")]
    [InlineData(
        "There is a cat [[010,020,030,040]], and a dog[[100,200,300,400;500,600,700,800]].",
        "There is a cat 0.01 0.02 0.03 0.04|and a dog 0.1 0.2 0.3 0.4|and a dog 0.5 0.6 0.7 0.8"
    )]
    [InlineData("Tap here: [[500,250]]", " 0.5 0.25 0.5 0.25")]
    [InlineData("A list [1, 2, 3, 4], a wild [[1,2,3]], [[1,2,3,4000]] and an end [[1,2", "")]
    public void Internvl_and_glm_write_thousandths(string answer, string expected) =>
        Assert.Equal(expected, Shown(BracketRegions.Read(answer)));

    [Fact]
    public void A_stretched_pictures_region_is_scaled()
    {
        GroundedRegion region = NotedRegion
            .Of("x", [10, 20, 30, 40], 100)!
            .Value.In(Plan(new PixelSize(640, 480), new SourceRectangle(0, 0, 640, 480)), 2);
        Assert.Equal(new GroundedRegion(RegionKind.Box, "x", 2, 64, 96, 192, 192), region);
    }

    [Fact]
    public void A_padded_pictures_region_is_shifted_and_cut_off_at_its_edges()
    {
        // Padded above and below to a square of 640: half of what is seen above the picture is padding.
        SlicePlan plan = Plan(new PixelSize(640, 320), new SourceRectangle(0, -160, 640, 640));
        Assert.Equal(new GroundedRegion(RegionKind.Box, "", 0, 0, 0, 320, 160), NotedRegion.Of("", [0, 0, 50, 50], 100)!.Value.In(plan, 0));
        Assert.Equal(new GroundedRegion(RegionKind.Point, "", 0, 320, 320, 320, 320), NotedRegion.Of("", [50, 99], 100)!.Value.In(plan, 0));
    }

    [Fact]
    public void Tiles_without_an_overview_are_seen_as_one()
    {
        SlicePlan plan = Plan(new PixelSize(200, 100), new(0, 0, 100, 100), new(100, 0, 100, 100));
        Assert.Equal(
            new GroundedRegion(RegionKind.Box, "", 0, 50, 10, 150, 90),
            NotedRegion
                .Of("", [250, 100, 750, 900], 1000)!
                .Value.In(plan with { Slices = [.. plan.Slices.Select(static s => s with { Kind = SliceKind.Tile })] }, 0)
        );
    }

    // InternVL's picture is cut into tiles beside a thumbnail, or is one tile; the others stretch it: what answers mean is the whole.
    [Theory]
    [InlineData("InternVL 2.5 (12 tiles)", 1920, 1080)]
    [InlineData("InternVL 2.5 (12 tiles)", 448, 448)]
    [InlineData("GLM-4V-9B", 800, 1300)]
    [InlineData("MiniGPT-v2", 640, 480)]
    public void A_family_that_gives_boxes_means_the_whole_picture(string released, int width, int height)
    {
        using var folder = new TemporaryFolder();
        SlicedProjectors.Contents file = ReleasedProjectors.All().Single(item => item.Name == released).File;
        FamilyParts parts = SlicedProjectors.Open(folder, contents => contents.Become(file));
        Assert.NotNull(parts.Regions);
        SlicePlan plan = parts.Processor.Plan(new PixelSize(width, height), PlanRequest.Default);
        GroundedRegion region = NotedRegion.Of("", [25, 10, 75, 90], 100)!.Value.In(plan, 0);
        Assert.Equal((0.25 * width, 0.1 * height, 0.75 * width, 0.9 * height), (region.Left, region.Top, region.Right, region.Bottom));
    }

    [Fact]
    public void Hostile_answers_take_no_time_and_make_no_more_regions_than_are_read()
    {
        Assert.Equal(NotedRegion.MaxCount, BracketRegions.Read(string.Concat(Enumerable.Repeat("[[1,2,3,4]]", 5000))).Count);
        Assert.Equal(NotedRegion.MaxCount, MiniGptRegions.Read(string.Concat(Enumerable.Repeat("{<1><2><3><4>}", 5000))).Count);
        Assert.Empty(BracketRegions.Read(string.Concat(Enumerable.Repeat("[[1,2,", 3_000))));
        Assert.Empty(MiniGptRegions.Read(string.Concat(Enumerable.Repeat("<p>{<1>", 3_000))));
    }

    [Fact]
    public void A_drawing_changes_what_lies_on_the_lines()
    {
        var picture = new RgbImage(100, 60);
        RgbImage drawn = RegionDrawing.Draw(
            picture,
            [
                new(RegionKind.Box, "a", 0, 10, 10, 60, 40),
                new(RegionKind.Point, "b", 0, 80, 30, 80, 30),
                new(RegionKind.Box, "c", 0, 0, 0, 100, 60),
            ]
        );
        Assert.NotEqual(0, drawn.Row(10)[3 * 30]);
        Assert.NotEqual(0, drawn.Row(30)[3 * 80 + 1]);
        Assert.Equal(0, drawn.Row(25)[3 * 35]);
        Assert.Equal(
            ("orange", "sky blue", "orange"),
            (RegionDrawing.ColourName(0), RegionDrawing.ColourName(1), RegionDrawing.ColourName(7))
        );
    }

    private static SlicePlan Plan(PixelSize image, params SourceRectangle[] sources) =>
        new()
        {
            Image = image,
            Refined = new PixelSize(448, 448),
            Slices = [.. sources.Select(static source => new Slice(SliceKind.Overview, 0, 0, new PixelSize(448, 448), 256, source))],
            Layout = [],
        };

    private static string Shown(IReadOnlyList<NotedRegion> regions) =>
        string.Join(
            '|',
            regions.Select(static region =>
                FormattableString.Invariant($"{region.Label} {region.Left} {region.Top} {region.Right} {region.Bottom}")
            )
        );
}
