using Tessera.Engine.Tests.Gguf;

namespace Tessera.Engine.Tests.Models;

/// <summary>Keys of Llama 3.2 Vision's tower that cannot be.</summary>
public sealed class MllamaConfigTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 0)]
    [InlineData(0, 2)]
    [InlineData(-1, 1)]
    [InlineData]
    public void Intermediate_layers_rise_within_the_blocks(params int[] layers)
    {
        Assert.Contains("mllama.vision.intermediate_layers_indices", Assert.Throws<ModelFileException>(() => Open(layers)).Message);
    }

    [Fact]
    public void All_layers_may_be_intermediate() => Open([0, 1]);

    private static void Open(int[] layers)
    {
        using var folder = new TemporaryFolder();
        SlicedProjectors.Contents file = ReleasedProjectors.Mllama();
        file.Metadata["mllama.vision.intermediate_layers_indices"] = layers;
        SlicedProjectors.Open(folder, contents => contents.Become(file));
    }
}
