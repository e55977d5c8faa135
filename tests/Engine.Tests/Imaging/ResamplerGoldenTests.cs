using System.Security.Cryptography;
using System.Text.Json;
using Tessera.Imaging;

namespace Tessera.Engine.Tests.Imaging;

/// <summary>Every case of tests/goldens/imaging/resize.json, byte for byte, on every machine code.</summary>
public class ResamplerGoldenTests
{
    private static readonly JsonElement[] Cases = Load();

    public static TheoryData<int> Indices => new(Enumerable.Range(0, Cases.Length));

    [Theory]
    [MemberData(nameof(Indices))]
    public void Equals_Pillow(int index)
    {
        JsonElement golden = Cases[index];
        RgbImage source = Source(golden);
        int width = golden.GetProperty("target")[0].GetInt32(),
            height = golden.GetProperty("target")[1].GetInt32();
        ResampleFilter filter = Enum.Parse<ResampleFilter>(golden.GetProperty("filter").GetString()!);
        foreach (ResampleCode code in Enum.GetValues<ResampleCode>())
        {
            RgbImage result = Resampler.Resize(source, width, height, filter, new ResampleOptions(2, code));
            if (golden.TryGetProperty("pixels", out JsonElement pixels))
                Assert.Equal(pixels.GetBytesFromBase64(), result.Pixels.ToArray());
            string digest = Convert.ToHexStringLower(SHA256.HashData(result.Pixels));
            Assert.True(golden.GetProperty("sha256").GetString() == digest, $"{code} differs on {golden}");
        }
    }

    [Fact]
    public void Table_is_from_the_pinned_Pillow_and_large_enough()
    {
        Assert.True(Cases.Length >= 4 * 48);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(GoldenPath));
        Assert.StartsWith("Pillow 13.0.0", document.RootElement.GetProperty("made_with").GetString(), StringComparison.Ordinal);
    }

    private static string GoldenPath => RepositoryRoot.Path("tests", "goldens", "imaging", "resize.json");

    private static RgbImage Source(JsonElement golden)
    {
        JsonElement size = golden.GetProperty("source");
        return TestPattern.Create(
            golden.GetProperty("pattern").GetString()!,
            size[0].GetInt32(),
            size[1].GetInt32(),
            golden.GetProperty("seed").GetUInt32()
        );
    }

    private static JsonElement[] Load()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(GoldenPath));
        return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(entry => entry.Clone())];
    }
}
