using Tessera.Engine.Tests.Gguf;
using Tessera.Gguf;
using Tessera.Vision.Families.Vila;
using Tessera.Vision.Parts;

namespace Tessera.Engine.Tests.Models;

/// <summary>What VILA's files say, and one clear sentence for each that cannot be.</summary>
public sealed class VilaFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Each_golden_is_read_as_what_it_is()
    {
        VilaConfig old = Read("vila-1.5-3b"),
            intern = Read("vila-1.5-40b"),
            scaled = Read("vila-1.5-3b-s2"),
            lite = Read("nvila-lite"),
            later = Read("nvila");
        Assert.Equal((ImageRule.Resize, new PixelShuffle(2, TokenOrder.Column), false), (old.Rule, old.Shuffle, old.IsNvila));
        Assert.Equal((true, true, 3), (intern.Tower.UsesRmsNorm, intern.Tower.HasQueryKeyNorm, intern.Tower.BlockCount));
        Assert.Equal([1, 2], scaled.Scales);
        Assert.Equal((ImageRule.Dynamic, new PixelShuffle(3, TokenOrder.Row), true), (lite.Rule, lite.Shuffle, lite.IsNvila));
        Assert.Equal(192, lite.Connector.Middle);
        Assert.Equal((ImageRule.DynamicScales, 9, 12), (later.Rule, later.Tiles.MinTiles, later.Tiles.MaxTiles));
    }

    [Theory]
    [InlineData("vila-1.5-3b", "clip.vision.projector.scale_factor", 4u, "2 and 3 are supported")]
    [InlineData("vila-1.5-3b", "clip.vision.projector.token_order", "diagonal", "known are col and row")]
    [InlineData("vila-1.5-3b", "clip.vision.projector.pad_zero", false, "does not divide the 5 patches")]
    [InlineData("vila-1.5-3b", "clip.vision.image_aspect_ratio", "pad", "known are resize, dynamic and dynamic_s2")]
    [InlineData("vila-1.5-3b", "clip.vision.image_aspect_ratio", "dynamic_s2", "clip.vision.s2_scales is missing")]
    [InlineData("vila-1.5-3b", "clip.vision.preproc_max_tiles", 0u, "not within 1 to 1024")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.image_aspect_ratio", "dynamic", "clip.vision.s2_scales is there")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 70 }, "2 to 8 ascending multiples")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 140, 70 }, "2 to 8 ascending multiples")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 70, 70 }, "2 to 8 ascending multiples")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 70, 100 }, "2 to 8 ascending multiples")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 70, 70_000_000 }, "million pixels")]
    [InlineData("vila-1.5-3b-s2", "clip.vision.s2_scales", new[] { 70, 140, 210 }, "'mm.1.weight' has shape")]
    [InlineData("nvila", "clip.vision.preproc_max_tiles", 8u, "less than the 9 tiles")]
    public void A_value_that_cannot_be_is_named(string golden, string key, object value, string reason)
    {
        string path = Rewrite(golden, key, value);
        string message = Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vila-1.5-40b", "v.blk.0.ls1.weight")]
    [InlineData("vila-1.5-3b", "mm.1.weight")]
    [InlineData("vila-1.5-3b", "mm.3.weight")]
    [InlineData("nvila-lite", "mm.6.weight")]
    public void A_missing_tensor_is_named(string golden, string name)
    {
        string path = Rewrite(golden, rename: tensor => tensor == name ? "other" : tensor);
        Assert.Contains(
            $"'{name}' is missing",
            Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    private static string Golden(string name) => RepositoryRoot.Path("tests", "goldens", "vila", name, "mmproj-f16.gguf");

    private static VilaConfig Read(string golden)
    {
        using GgufFile file = GgufFile.Open(Golden(golden));
        return VilaConfig.Read(file);
    }

    private string Rewrite(string golden, string key = "", object? value = null, Func<string, string>? rename = null)
    {
        using GgufFile file = GgufFile.Open(Golden(golden));
        var writer = new GgufWriter();
        foreach ((string name, GgufValue old) in file.Metadata)
            if (name != key)
                writer.AddMetadata(name, old);
        if (value is not null)
            writer.AddMetadata(
                key,
                value switch
                {
                    uint number => GgufValue.From(number),
                    bool flag => GgufValue.From(flag),
                    int[] numbers => GgufValue.FromArray<int>(numbers),
                    _ => GgufValue.From((string)value),
                }
            );
        foreach (GgufTensor tensor in file.Tensors)
            writer.AddTensor(
                rename?.Invoke(tensor.Name) ?? tensor.Name,
                tensor.Type,
                tensor.Shape.AsSpan(),
                file.GetTensorData(tensor, 0, (int)tensor.ByteLength)
            );
        string path = folder.File($"{Guid.NewGuid():N}.gguf");
        writer.Save(path);
        return path;
    }
}
