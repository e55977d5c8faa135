using System.IO.Compression;
using System.Text.Json;

namespace Tessera.Engine.NativeTests.Imaging;

/// <summary>One case of tests/goldens/imaging/codec.json.</summary>
public sealed record CodecGolden(string File, int Width, int Height, int Tolerance, byte[] Pixels)
{
    /// <summary>All cases by file name.</summary>
    public static IReadOnlyDictionary<string, CodecGolden> All { get; } = Load().ToDictionary(golden => golden.File);

    /// <summary>The encoded file.</summary>
    public byte[] Data => System.IO.File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "imaging", "codec", File));

    private static IEnumerable<CodecGolden> Load()
    {
        using JsonDocument document = JsonDocument.Parse(
            System.IO.File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", "imaging", "codec.json"))
        );
        foreach (JsonElement entry in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            using ZLibStream inflate = new(
                new MemoryStream(entry.GetProperty("deflated").GetBytesFromBase64()),
                CompressionMode.Decompress
            );
            using MemoryStream pixels = new();
            inflate.CopyTo(pixels);
            yield return new CodecGolden(
                entry.GetProperty("file").GetString()!,
                entry.GetProperty("width").GetInt32(),
                entry.GetProperty("height").GetInt32(),
                entry.GetProperty("tolerance").GetInt32(),
                pixels.ToArray()
            );
        }
    }
}
