using Tessera.Engine.NativeTests.Goldens;

namespace Tessera.Engine.NativeTests;

/// <summary>An answer's boxes come back as pixels of the original. A grammar makes the random model write one.</summary>
public sealed class GroundingTests
{
    [Theory]
    [InlineData("minigpt-v2", "<p>a star</p> {<10><20><50><80>}")]
    [InlineData("internvl-2.5", "a star[[100, 200, 500, 800]]")]
    [InlineData("glm-4v", "a star [[100,200,500,800]]")]
    [InlineData("cogvlm", "a star [[100,200,500,800]]")]
    public async Task An_answers_box_is_in_pixels_of_the_picture(string name, string answer)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector }
        );
        PromptImage picture = golden.Image("shapes");
        PixelSize size = model.Vision!.ReadSize(picture);
        GenerationResult result = await model.AnswerAsync(
            new Prompt("Where is it?") { Images = [picture] },
            new GenerationOptions
            {
                Temperature = 0,
                MaxTokens = 200,
                Format = AnswerFormat.FromGrammar($"root ::= \"{answer}\""),
            }
        );
        Assert.Equal(answer, result.Text);
        GroundedRegion region = Assert.Single(result.Regions);
        Assert.Equal((RegionKind.Box, "a star", 0), (region.Kind, region.Label, region.ImageIndex));
        double[] expected = [0.1 * size.Width, 0.2 * size.Height, 0.5 * size.Width, 0.8 * size.Height];
        Assert.All(
            expected.Zip([region.Left, region.Top, region.Right, region.Bottom]),
            static pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-9)
        );
    }

    [Fact]
    public async Task A_family_that_names_no_places_gives_none()
    {
        GoldenCase golden = GoldenCase.Find("llava-1.5");
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector }
        );
        GenerationResult result = await model.AnswerAsync(
            new Prompt("Where?") { Images = [golden.Image("shapes")] },
            new GenerationOptions { MaxTokens = 60, Format = AnswerFormat.FromGrammar("root ::= \"[[1,2,3,4]]\"") }
        );
        Assert.Empty(result.Regions);
    }
}
