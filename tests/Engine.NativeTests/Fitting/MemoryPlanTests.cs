using Tessera.Compute;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Fitting;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.Fitting;

/// <summary>What a model takes is planned before it is loaded, and what does not fit is refused with the numbers.</summary>
public sealed class MemoryPlanTests
{
    private static readonly ModelOptions Tiny = new()
    {
        ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
        ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
        GpuLayerCount = 0,
        VisionDevice = "CPU",
    };

    [Fact]
    public async Task The_cache_grows_with_the_context_and_shrinks_with_its_type()
    {
        MemoryPlan one = await MemoryPlan.ForAsync(Tiny with { ContextLength = 2048 }, new PixelSize(640, 480));
        MemoryPlan four = await MemoryPlan.ForAsync(Tiny with { ContextLength = 8192 });
        MemoryPlan small = await MemoryPlan.ForAsync(Tiny with { ContextLength = 8192, CacheType = CacheType.Q8_0 });
        // 4 layers of 2 x 256 halves.
        Assert.Equal(2048 * 4 * 2 * 256 * 2, one.CacheBytes);
        Assert.Equal(4 * one.CacheBytes, four.CacheBytes);
        Assert.InRange(small.CacheBytes, four.CacheBytes * 34 / 64, (four.CacheBytes * 34 / 64) + (1 << 14));
        Assert.InRange(one.WeightBytes, 4_000_000, 4_300_000);
        Assert.True(one.VisionWeightBytes > 5_000_000 && one.VisionComputeBytes > 0 && one.ImageBytes > 0);
        Assert.True(one.Fits && one.Devices is [{ Device: "CPU" }]);
        Assert.Equal(one.TotalBytes, one.Devices[0].Bytes);
    }

    [Fact]
    public async Task A_picture_that_layers_look_at_has_keys_and_values_of_its_own()
    {
        GoldenCase golden = GoldenCase.Find("llama-3.2-vision");
        var options = new ModelOptions
        {
            ModelPath = golden.LanguageModel,
            ProjectorPath = golden.Projector,
            ContextLength = 2048,
            VisionDevice = "CPU",
        };
        MemoryPlan none = await MemoryPlan.ForAsync(options),
            one = await MemoryPlan.ForAsync(options, new PixelSize(64, 48));
        // Three layers keep rows, two a picture's four tiles of 17 rows: keys and values of 2 heads of 16 halves.
        Assert.Equal(2048 * 3 * 2 * 32 * 2, one.CacheBytes);
        Assert.Equal(0, none.ImageBytes);
        Assert.True(one.ImageBytes > 4 * 17 * 2 * 2 * 32 * 2, $"{one.ImageBytes} bytes");
        Assert.True(one.ComputeBytes >= none.ComputeBytes);
    }

    [Fact]
    public async Task A_plan_that_does_not_fit_says_what_would()
    {
        MemoryPlan plan = await MemoryPlan.ForAsync(Tiny with { ContextLength = 2048 });
        MemoryPlan tight = plan with { Devices = [new DeviceMemory("CPU", plan.TotalBytes, plan.TotalBytes - (plan.CacheBytes / 2))] };
        Assert.False(tight.Fits);
        Assert.Equal(1024, tight.LargestContextLength);
        string message = new NotEnoughMemoryException("m.gguf", tight).Message;
        Assert.Contains("2048 tokens", message);
        Assert.Contains("a context of 1024 tokens would fit", message);
        Assert.Equal(0, (plan with { Devices = [new DeviceMemory("CPU", plan.TotalBytes, 1)] }).LargestContextLength);
    }

    [Fact]
    public async Task What_is_far_too_large_is_refused_before_it_is_loaded()
    {
        // More positions than any machine has memory for, yet few enough for libllama's arithmetic.
        int length = (int)Math.Min(int.MaxValue / 2, MachineMemory.Usable() / 4096 * 2);
        NotEnoughMemoryException failure = await Assert.ThrowsAsync<NotEnoughMemoryException>(() =>
            MultimodalModel.LoadAsync(Tiny with { ContextLength = length })
        );
        Assert.True(failure.Plan.CacheBytes > MachineMemory.Usable());
        Assert.Contains("GB are free", failure.Message);
    }

    [Fact]
    public async Task Where_nobody_asks_for_a_length_the_largest_that_fits_is_taken()
    {
        using var file = LanguageModelFile.Open(Tiny.ModelPath);
        Assert.Same(Tiny, RoomCheck.Fit(Tiny, file, CancellationToken.None));
        using MultimodalModel model = await MultimodalModel.LoadAsync(Tiny);
        Assert.False(model.IsContextShortened);
    }

    [Fact]
    public async Task A_quantized_cache_answers_alike()
    {
        PromptImage picture = await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"));
        using MultimodalModel model = await MultimodalModel.LoadAsync(Tiny with { CacheType = CacheType.Q8_0 });
        GenerationResult result = await model.AnswerAsync(
            new Prompt("What is in this picture?") { Images = [picture] },
            new GenerationOptions { Temperature = 0 }
        );
        Assert.Contains("yellow star", result.Text);
    }
}
