using Tessera.Vision.Slicing;

namespace Tessera.Engine.Tests.Models;

/// <summary>Plans of LLaVA-NeXT, HD and OneVision: worked examples of the references.</summary>
public sealed class LlavaNextPlanTests
{
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
    [InlineData("onevision", 1900, 1900, 1920, 1920, 729 + 80 * 81)] // 135 // 1.666... is 80 in Python, though the quotient is 81.0
    [InlineData("hd", 800, 1300, 448, 672, 1744)]
    [InlineData("hd", 1300, 800, 672, 448, 1726)]
    [InlineData("hd", 300, 200, 448, 224, 656)]
    public void Worked_examples(string family, int width, int height, int canvasWidth, int canvasHeight, int tokens)
    {
        SlicePlan plan = TiledLlavas.Processor(family).Plan(new PixelSize(width, height), PlanRequest.Default);
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
        Assert.Equal(new PixelSize(336, 672), TiledLlavas.Processor("next").Plan(new PixelSize(300, 300), PlanRequest.Default).Refined);
        Assert.Equal(
            new PixelSize(672, 336),
            TiledLlavas.Processor("next", Preprocessing.Transformers).Plan(new PixelSize(300, 300), PlanRequest.Default).Refined
        );
    }

    [Fact]
    public void Hugging_Face_rounds_before_it_truncates() =>
        Assert.Equal(
            576 + 48 * 29,
            TiledLlavas.Processor("next", Preprocessing.Transformers).Plan(new PixelSize(792, 1408), PlanRequest.Default).ImageTokenCount
        );

    [Fact]
    public void Several_pictures_are_not_cut_by_OneVision_but_are_by_NeXT()
    {
        var request = new PlanRequest { ImageCount = 2 };
        Assert.Equal(730, TiledLlavas.Processor("onevision").Plan(new PixelSize(800, 1300), request).ImageTokenCount);
        Assert.Equal(2064, TiledLlavas.Processor("next").Plan(new PixelSize(800, 1300), request).ImageTokenCount);
    }
}
