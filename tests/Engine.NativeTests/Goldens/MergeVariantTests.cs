using Tessera.Gguf;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Merges that no golden has, each told from the golden of the same weights by moving rows.</summary>
public sealed class MergeVariantTests
{
    private const int Side = 4; // patches along a tile of the golden

    private readonly GoldenCase golden = GoldenCase.Find("llava-1.6");

    [Fact]
    public void Newlines_on_the_overview_come_after_each_of_its_rows()
    {
        List<float[]> plain = Rows(Encode(golden.Projector));
        float[] newline = plain[^1];
        IEnumerable<float[]> expected = plain
            .Take(Side * Side)
            .Chunk(Side)
            .SelectMany(row => row.Append(newline))
            .Concat(plain.Skip(Side * Side));
        Assert.Equal(expected, Rows(EncodeWith(new() { ["clip.vision.mm_newline_on_base"] = GgufValue.From(true) })));
    }

    [Fact]
    public void A_flat_merge_is_tile_after_tile_and_a_spatial_one_the_same_rows_across_tiles()
    {
        ImageEncoding flat = EncodeWith(MergeType("flat")),
            spatial = EncodeWith(MergeType("spatial"));
        Assert.Equal(flat.SliceCount * Side * Side, flat.TokenCount);
        Assert.Equal(flat.TokenCount, spatial.TokenCount);
        float[][][] tiles = [.. Rows(flat).Chunk(Side * Side)];
        IEnumerable<float[]> map = Enumerable
            .Range(0, flat.Plan.Rows * Side)
            .SelectMany(row =>
                Enumerable
                    .Range(0, flat.Plan.Columns)
                    .SelectMany(column => tiles[1 + row / Side * flat.Plan.Columns + column].Skip(row % Side * Side).Take(Side))
            );
        Assert.Equal(tiles[0].Concat(map), Rows(spatial));
    }

    [Theory]
    [InlineData("spatial_maxpool2x2")]
    [InlineData("unpad_nobase")]
    public void Merges_that_are_not_known_are_named(string merge)
    {
        string message = Assert.Throws<ModelFileException>(() => EncodeWith(MergeType(merge))).Message;
        Assert.Contains("clip.vision.mm_patch_merge_type", message, StringComparison.Ordinal);
        Assert.Contains(merge, message, StringComparison.Ordinal);
    }

    private static Dictionary<string, GgufValue> MergeType(string merge) =>
        new() { ["clip.vision.mm_patch_merge_type"] = GgufValue.From(merge) };

    private ImageEncoding EncodeWith(Dictionary<string, GgufValue> keys)
    {
        using var changed = new ChangedProjector(golden.Projector, keys);
        return Encode(changed.Path);
    }

    private ImageEncoding Encode(string projector)
    {
        using VisionModel vision = VisionModel.Open(projector);
        vision.LoadWeights(threadCount: 1);
        return vision.Encode(golden.Image("shapes"));
    }

    private static List<float[]> Rows(ImageEncoding encoding) =>
        [
            .. Enumerable
                .Range(0, encoding.TokenCount)
                .Select(row => encoding.Embeddings.Span.Slice(row * encoding.Width, encoding.Width).ToArray()),
        ];
}
