using Tessera.Engine.Tests.Gguf;
using Tessera.Gguf;
using Tessera.Vision.Families.InternVl;
using Tessera.Vision.Parts;

namespace Tessera.Engine.Tests.Models;

/// <summary>What InternVL's files say, and one clear sentence for each that cannot be.</summary>
public sealed class InternVlFileTests
{
    private static readonly string Golden = RepositoryRoot.Path("tests", "goldens", "internvl", "internvl-1.5", "mmproj-f16.gguf");
    private static readonly string LayerNormGolden = RepositoryRoot.Path("tests", "goldens", "internvl", "internvl-2.5", "mmproj-f16.gguf");

    [Fact]
    public void A_file_of_the_converter_is_read_with_the_released_defaults()
    {
        using GgufFile file = GgufFile.Open(Golden);
        InternVlConfig config = InternVlConfig.Read(file);
        Assert.Equal(
            (1, 12, 2, TokenOrder.Row, "mm.model.mlp"),
            (config.Tiles.MinTiles, config.Tiles.MaxTiles, config.Shuffle.Factor, config.Shuffle.Order, config.ConnectorPrefix)
        );
        Assert.Equal(
            (true, true, true, 3),
            (config.Tower.UsesRmsNorm, config.Tower.HasQueryKeyNorm, config.Tower.HasLayerScale, config.Tower.BlockCount)
        );
    }

    [Fact]
    public void A_connector_named_like_other_families_is_found()
    {
        using var folder = new TemporaryFolder();
        string path = Rewrite(folder, rename: static name => name.Replace("mm.model.mlp.", "mm.", StringComparison.Ordinal));
        using GgufFile file = GgufFile.Open(path);
        Assert.Equal("mm", InternVlConfig.Read(file).ConnectorPrefix);
    }

    [Theory]
    [InlineData("clip.vision.preproc_max_tiles", 0u, "not within 1 to 1024")]
    [InlineData("clip.vision.preproc_max_tiles", 4294967295u, "not within 1 to 1024")]
    [InlineData("clip.vision.preproc_min_tiles", 1025u, "not within 1 to 1024")]
    [InlineData("clip.vision.projector.scale_factor", 0u, "not within 1 to 16")]
    [InlineData("clip.vision.projector.scale_factor", 3u, "does not divide the 4 patches")]
    [InlineData("clip.vision.projector.scale_factor", 4u, "not 1024 x")]
    [InlineData("clip.vision.image_size", 8190u, "patches")]
    [InlineData("clip.vision.projector.token_order", "diagonal", "known are row and column")]
    [InlineData("clip.vision.preproc_max_tiles", "many", "clip.vision.preproc_max_tiles")]
    [InlineData("clip.vision.embedding_length", 60u, "not 240 x")]
    public void A_value_that_cannot_be_is_named(string key, object value, string reason)
    {
        using var folder = new TemporaryFolder();
        string path = Rewrite(folder, key, value);
        string message = Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message;
        Assert.Contains(path, message);
        Assert.Contains(
            key == "clip.vision.embedding_length" || reason.StartsWith("not 1024", StringComparison.Ordinal)
                ? "mm.model.mlp.1.weight"
                : key,
            message
        );
        Assert.Contains(reason, message);
    }

    [Theory]
    [InlineData("v.class_embd")]
    [InlineData("v.blk.0.ls1.weight")]
    [InlineData("mm.model.mlp.1.weight")]
    [InlineData("mm.model.mlp.3.weight")]
    public void A_missing_tensor_is_named(string name)
    {
        using var folder = new TemporaryFolder();
        string path = Rewrite(folder, rename: tensor => tensor == name ? "other" : tensor);
        Assert.Contains($"'{name}' is missing", Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message);
    }

    [Fact]
    public void Norms_are_layer_norms_where_they_have_a_bias_and_half_of_them_cannot()
    {
        using (GgufFile file = GgufFile.Open(LayerNormGolden))
            Assert.False(InternVlConfig.Read(file).Tower.UsesRmsNorm);
        using var folder = new TemporaryFolder();
        string path = Rewrite(folder, rename: static tensor => tensor == "v.blk.0.ln1.bias" ? "other" : tensor, original: LayerNormGolden);
        Assert.Contains("'v.blk.0.ln1.bias' is missing", Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message);
    }

    [Fact]
    public void More_than_the_most_tiles_is_less_than_the_least()
    {
        using var folder = new TemporaryFolder();
        string path = Rewrite(folder, "clip.vision.preproc_min_tiles", 13u);
        using (GgufFile file = GgufFile.Open(path))
            Assert.Equal(13, InternVlConfig.Read(file).Tiles.MaxTiles);
        path = Rewrite(folder, "clip.vision.preproc_min_tiles", 13u, more: ("clip.vision.preproc_max_tiles", GgufValue.From(12u)));
        Assert.Contains(
            "less than clip.vision.preproc_min_tiles, 13",
            Assert.Throws<ModelFileException>(() => VisionModel.Open(path)).Message
        );
    }

    private static string Rewrite(
        TemporaryFolder folder,
        string key = "",
        object? value = null,
        Func<string, string>? rename = null,
        (string Key, GgufValue Value)? more = null,
        string? original = null
    )
    {
        using GgufFile file = GgufFile.Open(original ?? Golden);
        var writer = new GgufWriter();
        foreach ((string name, GgufValue old) in file.Metadata)
            if (name != key)
                writer.AddMetadata(name, old);
        if (value is uint number)
            writer.AddMetadata(key, number);
        if (value is string text)
            writer.AddMetadata(key, text);
        if (more is (string, GgufValue) entry)
            writer.AddMetadata(entry.Key, entry.Value);
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
