using Tessera.Gguf;
using Tessera.Text.Llama;

namespace Tessera.Engine.Tests;

/// <summary>How many layers of a language model are placed on a GPU of some memory.</summary>
public sealed class GpuLayersTests : IDisposable
{
    private const long Mebibyte = 1 << 20;
    private readonly GgufFile file = GgufFile.Open(RepositoryRoot.Path("tests", "goldens", "llava", "llava-1.5", "language-f16.gguf"));

    public void Dispose() => file.Dispose();

    [Fact]
    public void All_fit_where_there_is_room() => Assert.Equal(-1, GpuLayers.ThatFit([file], 100L << 30, 2048));

    [Fact]
    public void None_fit_where_the_graph_alone_does_not() => Assert.Equal(0, GpuLayers.ThatFit([file], 100 * Mebibyte, 2048));

    // From no memory to much: the output first, then one layer after another, then all.
    [Fact]
    public void More_memory_takes_more_layers()
    {
        int layerCount = (int)file.Metadata.RequireUInt32("llama.block_count");
        int[] counts =
        [
            .. Enumerable
                .Range(0, 4096)
                .Select(step => GpuLayers.ThatFit([file], (250 + step) * Mebibyte, 1 << 22))
                .Select(count => count < 0 ? layerCount + 1 : count),
        ];
        Assert.Equal(counts.Order(), counts);
        Assert.Equal(Enumerable.Range(0, layerCount + 2), counts.Distinct());
    }
}
