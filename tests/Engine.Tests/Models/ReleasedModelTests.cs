using Tessera.Engine.Tests.Gguf;
using Tessera.Vision.Families;
using Xunit.Abstractions;

namespace Tessera.Engine.Tests.Models;

/// <summary>
/// What one picture costs in every family as released: true slice sizes and limits, counts worked out by hand from the authors' code.
/// Prints the table of the README.
/// </summary>
public sealed class ReleasedModelTests(ITestOutputHelper output)
{
    [Fact]
    public void Slices_and_tokens_are_those_of_the_authors_code()
    {
        using var folder = new TemporaryFolder();
        PixelSize[] pictures = [new(640, 480), new(1920, 1080), new(800, 1300)];
        output.WriteLine($"| model | {string.Join(" | ", pictures)} |");
        foreach ((string name, SlicedProjectors.Contents file, int[] tokens) in ReleasedProjectors.All())
        {
            FamilyParts parts = SlicedProjectors.Open(folder, contents => contents.Become(file));
            SlicePlan[] plans = [.. pictures.Select(picture => parts.Processor.Plan(picture, PlanRequest.Default))];
            IEnumerable<string> cells = plans.Select(static plan => $"{plan.Slices.Count} slices, {Tokens(plan)} tokens");
            output.WriteLine($"| {name} | {string.Join(" | ", cells)} |");
            Assert.Equal((name, string.Join(' ', tokens)), (name, string.Join(' ', plans.Select(Tokens))));
        }
    }

    private static int Tokens(SlicePlan plan) => plan.ImageTokenCount + plan.MemoryTokenCount;
}
