using Tessera.Engine.Tests.Gguf;
using Tessera.Gguf;

namespace Tessera.Engine.Tests.Models;

/// <summary>One clear sentence for each value of Cambrian-1's files that cannot be, and plans at their limits.</summary>
public sealed class CambrianFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("clip.vision.tower_count", 5u, "clip.vision.4.type")]
    [InlineData("clip.vision.0.type", "resnet", "'resnet'")]
    [InlineData("clip.vision.0.activation", "relu", "'relu'")]
    [InlineData("clip.vision.0.attention.head_count", 5u, "clip.vision.0.attention.head_count, 5")]
    [InlineData("clip.vision.0.image_std", new[] { 0f, 1f, 1f }, "clip.vision.0.image_std")]
    [InlineData("clip.vision.1.token_side", 7u, "no multiple of clip.vision.sampler.query_side, 6")]
    [InlineData("clip.vision.3.image_size", 60u, "cannot be halved")]
    [InlineData("clip.vision.3.block_count", new[] { 1, 1 }, "four stages")]
    [InlineData("clip.vision.sampler.head_count", 5u, "clip.vision.sampler.head_count is 5")]
    public void A_value_that_cannot_be_is_named(string key, object value, string reason)
    {
        string path = folder.File("file.gguf");
        using (GgufFile file = GgufFile.Open(RepositoryRoot.Path("tests", "goldens", "cambrian", "cambrian-8b", "mmproj-f16.gguf")))
        {
            var writer = new GgufWriter();
            foreach ((string name, GgufValue own) in file.Metadata)
                writer.AddMetadata(name, name == key ? Value(value) : own);
            foreach (GgufTensor tensor in file.Tensors)
                writer.AddTensor(
                    tensor.Name,
                    tensor.Type,
                    [.. tensor.Shape],
                    file.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray()
                );
            writer.Save(path);
        }

        string message = Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_of_which_nothing_would_be_left_is_refused()
    {
        using VisionModel vision = VisionModel.Open(RepositoryRoot.Path("tests", "goldens", "cambrian", "cambrian-8b", "mmproj-f16.gguf"));
        Assert.Contains("elongated", Assert.Throws<TesseraException>(() => vision.Plan(new PixelSize(70, 10))).Message);
        Assert.Equal(2 * 7, vision.Plan(new PixelSize(50, 10)).ImageTokenCount);
    }

    private static GgufValue Value(object value) =>
        value switch
        {
            uint number => GgufValue.From(number),
            string text => GgufValue.From(text),
            int[] numbers => GgufValue.FromArray<int>(numbers),
            float[] numbers => GgufValue.FromArray<float>(numbers),
            _ => throw new ArgumentException("No such value."),
        };
}
