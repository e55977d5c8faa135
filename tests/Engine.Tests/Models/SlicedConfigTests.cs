using System.Globalization;
using System.Text.Json;
using Tessera.Engine.Tests.Gguf;
using Tessera.Vision.Families.MiniCpmV;

namespace Tessera.Engine.Tests.Models;

/// <summary>What projector files of MiniCPM-V and LLaVA-UHD tell, and what is said where they cannot be right.</summary>
public sealed class SlicedConfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1, "MiniCPM-V 2.0")]
    [InlineData(2, "MiniCPM-Llama3-V 2.5")]
    [InlineData(3, "MiniCPM-V 2.6")]
    [InlineData(4, "MiniCPM-o 2.6")]
    [InlineData(5, "MiniCPM-V 4.0")]
    [InlineData(6, "MiniCPM-V 4.5")]
    [InlineData(100045, "MiniCPM-o 4.5")]
    public void The_version_names_the_release(int version, string name) =>
        Assert.Equal(name, SlicedProjectors.NameOf(folder, contents => contents.Metadata["clip.minicpmv_version"] = version));

    [Theory]
    [InlineData(64, true, "MiniCPM-V 2.0")]
    [InlineData(96, false, "MiniCPM-Llama3-V 2.5")]
    [InlineData(64, false, "MiniCPM-V 2.6")]
    public void Without_a_version_the_tensors_tell(int queries, bool storesQueryPositions, string name) =>
        Assert.Equal(
            name,
            SlicedProjectors.NameOf(
                folder,
                contents =>
                {
                    contents.Metadata.Remove("clip.minicpmv_version");
                    contents.Shapes["resampler.query"] = [8, queries];
                    if (storesQueryPositions)
                        contents.Shapes["resampler.pos_embed"] = [8, queries];
                }
            )
        );

    [Theory]
    [InlineData(true, "<|im_start|>user\n")]
    [InlineData(false, "<用户>")]
    public void Each_release_has_its_own_wording(bool isLater, string userPrefix) =>
        Assert.Equal(
            userPrefix,
            SlicedProjectors.Open(folder, contents => contents.Metadata["clip.minicpmv_version"] = isLater ? 3 : 1).Wording.UserPrefix
        );

    public static TheoryData<string, object?, string> WrongKeys =>
        new()
        {
            { "clip.minicpmv_version", 7, "known are 1 to 6" },
            { "clip.minicpmv_query_num", 65u, "holds 64 queries" },
            { "clip.vision.preproc_max_tiles", 0u, "not within 1 to 144" },
            { "clip.vision.preproc_max_tiles", 145u, "not within 1 to 144" },
            { "clip.vision.projector.head_count", 3u, "no multiple of its 3 heads" },
            { "clip.vision.projector.head_count", 0u, "no multiple of its 0 heads" },
            { "clip.vision.patch_size", null, "clip.vision.patch_size" },
        };

    [Theory]
    [MemberData(nameof(WrongKeys))]
    public void A_wrong_key_is_named(string key, object? value, string expected)
    {
        string message = Assert
            .Throws<ModelFileException>(() => SlicedProjectors.Open(folder, contents => Set(contents.Metadata, key, value)))
            .Message;
        Assert.Contains(expected, message);
    }

    public static TheoryData<string, object?, string> WrongKeysOf46 =>
        new()
        {
            { "clip.vision.projector.scale_factor", 3u, "merges 2 or 4 patches" },
            { "clip.vision.wa_layer_indexes", new[] { 1 }, "0 to 0" },
            { "clip.vision.wa_layer_indexes", new[] { -1 }, "and is -1" },
            { "clip.vision.wa_layer_indexes", new[] { 0, 0 }, "and is 0, 0" },
            { "clip.vision.wa_layer_indexes", null, "and is 6" },
            { "clip.vision.preproc_max_tiles", 145u, "not within 1 to 144" },
        };

    [Theory]
    [MemberData(nameof(WrongKeysOf46))]
    public void A_wrong_key_of_4_6_is_named(string key, object? value, string expected) =>
        AssertRefused46(contents => Set(contents.Metadata, key, value), expected);

    public static TheoryData<string, long[]?, string> WrongTensorsOf46 =>
        new()
        {
            { "mm.up.weight", null, "'mm.up.weight' is missing" },
            { "mm.up.weight", [8, 32], "shape 8 x 32, not 32" },
            { "mm.down.weight", [16, 8], "shape 16 x 8, not 32" },
            { "v.vit_merger.ds_ffn_up.weight", null, "'v.vit_merger.ds_ffn_up.weight' is missing" },
            { "v.position_embd.weight", [8, 4899], "no square" },
            { "v.class_embd", [8], "no class token" },
        };

    [Theory]
    [MemberData(nameof(WrongTensorsOf46))]
    public void A_wrong_tensor_of_4_6_is_named(string name, long[]? shape, string expected) =>
        AssertRefused46(contents => Set(contents.Shapes, name, shape), expected);

    private void AssertRefused46(Action<SlicedProjectors.Contents> change, string expected) =>
        Assert.Contains(
            expected,
            Assert
                .Throws<ModelFileException>(() =>
                    SlicedProjectors.Open(
                        folder,
                        contents =>
                        {
                            contents.Become(SlicedProjectors.Release("4.6"));
                            change(contents);
                        }
                    )
                )
                .Message
        );

    public static TheoryData<string, long[]?, string> WrongTensors =>
        new()
        {
            { "resampler.query", null, "'resampler.query' is missing" },
            { "resampler.query", [6, 64], "a width that 4 divides" },
            { "resampler.query", [8, 4097], "up to 4096 queries" },
            { "resampler.query", [8, 32, 2], "a width that 4 divides" },
            { "v.position_embd.weight", null, "'v.position_embd.weight' is missing" },
            { "v.position_embd.weight", [8, 4899], "no square" },
            { "v.position_embd.weight", [8, 257 * 257], "no square of up to 256 x 256" },
            { "v.class_embd", [8], "no class token" },
        };

    [Theory]
    [MemberData(nameof(WrongTensors))]
    public void A_wrong_tensor_is_named(string name, long[]? shape, string expected)
    {
        string message = Assert
            .Throws<ModelFileException>(() => SlicedProjectors.Open(folder, contents => Set(contents.Shapes, name, shape)))
            .Message;
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Queries_on_a_grid_must_be_a_square_number()
    {
        string message = Assert
            .Throws<ModelFileException>(() =>
                SlicedProjectors.Open(
                    folder,
                    contents =>
                    {
                        contents.Become(SlicedProjectors.Release("uhd"));
                        contents.Shapes["resampler.query"] = [8, 63];
                    }
                )
            )
            .Message;
        Assert.Contains("no square grid", message);
    }

    // The golden lists where torch.bucketize of torch.arange on a CPU differs from floor(70 i / n).
    [Fact]
    public void Position_cells_are_torchs()
    {
        string golden = File.ReadAllText(RepositoryRoot.Path("tests", "goldens", "minicpm-v", "buckets.json"));
        Dictionary<string, int[][]> other = JsonSerializer.Deserialize<Dictionary<string, int[][]>>(golden)!;
        Assert.Contains("25", other);
        for (int count = 1; count < 1300; count++)
        {
            int[] expected = [.. Enumerable.Range(0, count).Select(index => 70 * index / count)];
            foreach (int[] place in other.GetValueOrDefault(count.ToString(CultureInfo.InvariantCulture), []))
                expected[place[0]] = place[1];
            Assert.Equal(expected, MiniCpmVPositions.Cells(count, 70));
        }
    }

    private static void Set<T>(Dictionary<string, T> entries, string key, T? value)
    {
        if (value is null)
            entries.Remove(key);
        else
            entries[key] = value;
    }
}
