using Tessera.Compute;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Slices that share a graph come out as they do alone.</summary>
public sealed class SliceBatchTests(ITestOutputHelper output)
{
    private const double WorstCosine = 0.999999;

    public static TheoryData<string> Cases => ["llava-1.6", "llava-onevision", "llava-1.5-hd", "minicpm-v-4.6", "minicpm-v-4.6-4x"];

    /// <summary>Every picture of a case in one call, so that slices of all of them meet in a graph; then each by itself.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Pictures_encoded_together_are_as_alone(string name)
    {
        GoldenPicture[] pictures = [.. GoldenCase.Find(name).Pictures];
        using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector);
        vision.LoadWeights(threadCount: 1);
        IReadOnlyList<ImageEncoding> together = vision.Encode(
            [.. pictures.Select(static picture => picture.Image)],
            [.. pictures.Select(static picture => picture.Request)]
        );
        for (int index = 0; index < pictures.Length; index++)
        {
            ImageEncoding alone = vision.Encode(pictures[index].Image, pictures[index].Request);
            (double mean, double worst) = Similarity.PerRow(together[index].Embeddings.Span, alone.Embeddings.Span, alone.Width);
            output.WriteLine($"{name} {pictures[index].Name}: cosine {mean:0.00000000} mean, {worst:0.00000000} worst");
            Assert.True(worst >= WorstCosine, $"{pictures[index].Name}: {worst} when encoded with others.");
            Assert.Equal(alone.Plan.Slices.Count, together[index].SliceCount);
        }
    }

    /// <summary>A plan's row count is what the encoder makes, for sizes that no golden has.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_encoder_makes_as_many_rows_as_planned(string name)
    {
        using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector);
        vision.LoadWeights(threadCount: 1);
        foreach ((int width, int height) in ((int, int)[])[(1, 1), (1, 90), (90, 1), (3, 500), (500, 3), (63, 62), (57, 113), (200, 130)])
        {
            ImageEncoding encoding = vision.Encode(Picture(width, height));
            Assert.Equal(vision.Plan(new PixelSize(width, height)).ImageTokenCount, encoding.TokenCount);
            Assert.All(encoding.Embeddings.ToArray(), static value => Assert.True(float.IsFinite(value)));
        }
    }

    /// <summary>The graph of the last batch runs again for the next one of its shape, also after another shape or a cancelled
    /// run.</summary>
    [Theory]
    [InlineData("llava-1.5")]
    [InlineData("minicpm-v-2.6")]
    [InlineData("llava-uhd")]
    public void A_graph_that_is_used_again_knows_nothing_of_the_picture_before(string name)
    {
        (PromptImage first, PromptImage second, PromptImage other) = (Picture(200, 130), Picture(200, 130, step: 11), Picture(57, 113));
        using VisionModel vision = Load(name),
            fresh = Load(name);
        float[] of(PromptImage picture) => vision.Encode(picture).Embeddings.ToArray();
        float[] expected = fresh.Encode(first).Embeddings.ToArray();
        Assert.Equal(expected, of(first));
        float[] different = of(second);
        Assert.NotEqual(expected, different);
        Assert.Equal(expected, of(first));
        _ = of(other);
        Assert.Equal(different, of(second));
        using var cancellation = new CancellationTokenSource();
        var stop = new StopAtStart(cancellation);
        Assert.Throws<OperationCanceledException>(() => vision.Encode(first, null, stop, cancellation.Token));
        Assert.Equal(expected, of(first));
        _ = vision.EncodeFeatures(second);
        Assert.Equal(expected, of(first));
    }

    [Fact]
    public void A_graph_that_does_not_fit_is_refused_with_the_numbers()
    {
        using ComputeDevice device = ComputeDevice.Open(threadCount: 1);
        using var runner = new GraphRunner(device, nodeCapacity: 16);
        using Graph graph = runner.NewGraph();
        graph.Output(graph.Scale(graph.Input("x", 1 << 20, 1 << 20, 64), 2));
        string message = Assert.Throws<NativeLibraryException>(() => runner.Reserve(graph, "64 slices of 8 x 8")).Message;
        output.WriteLine(message);
        Assert.Matches(
            @"^there is not enough memory to encode 64 slices of 8 x 8 together: [1-9][0-9]{8} MB are wanted and [1-9][0-9]* MB are free",
            message
        );
    }

    private static VisionModel Load(string name)
    {
        VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector);
        vision.LoadWeights(threadCount: 1);
        return vision;
    }

    private sealed class StopAtStart(CancellationTokenSource cancellation) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => cancellation.Cancel();
    }

    // A 24-bit bitmap, grey.
    private static PromptImage Picture(int width, int height, int step = 7)
    {
        int rowLength = (width * 3 + 3) / 4 * 4,
            pixelBytes = rowLength * height;
        var file = new byte[54 + pixelBytes];
        "BM"u8.CopyTo(file);
        BitConverter.GetBytes(file.Length).CopyTo(file, 2);
        BitConverter.GetBytes(54).CopyTo(file, 10);
        BitConverter.GetBytes(40).CopyTo(file, 14);
        BitConverter.GetBytes(width).CopyTo(file, 18);
        BitConverter.GetBytes(height).CopyTo(file, 22);
        file[26] = 1;
        file[28] = 24;
        for (int index = 54; index < file.Length; index++)
            file[index] = (byte)(index * step);
        return new PromptImage(file, $"{width} x {height}.bmp");
    }
}
