using BenchmarkDotNet.Attributes;
using Tessera.Engine.Tests.Gguf;
using Tessera.Engine.Tests.Models;
using Tessera.Vision.Slicing;

namespace Tessera.Benchmarks;

/// <summary>Planning the slices of pictures of many sizes, for every family as released.</summary>
public class Slicing
{
    private static readonly PixelSize[] Pictures = [.. from width in Sides from height in Sides select new PixelSize(width, height)];
    private IImageProcessor processor = null!;

    [ParamsSource(nameof(Families))]
    public string Family { get; set; } = "";

    public static IEnumerable<string> Families => ReleasedProjectors.All().Select(static release => release.Name);

    private static int[] Sides => [64, 336, 640, 1080, 1920, 3000, 4000, 8000];

    [GlobalSetup]
    public void Open()
    {
        using var folder = new TemporaryFolder();
        processor = SlicedProjectors
            .Open(folder, contents => contents.Become(ReleasedProjectors.All().Single(release => release.Name == Family).File))
            .Processor;
    }

    /// <summary>Plans 64 pictures, from 64 x 64 to 8000 x 8000.</summary>
    [Benchmark(OperationsPerInvoke = 64)]
    public int Plan()
    {
        int tokenCount = 0;
        foreach (PixelSize picture in Pictures)
            tokenCount += processor.Plan(picture, PlanRequest.Default).ImageTokenCount;
        return tokenCount;
    }
}
