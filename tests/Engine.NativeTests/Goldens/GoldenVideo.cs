using System.Text.Json;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>A video of a golden case, and the runs and variants beside it: tests/goldens/README.md tells the format.</summary>
public sealed record GoldenVideo(GoldenCase Case, string Name, JsonElement Entry)
{
    public int[] Indexes => [.. Entry.GetProperty("indexes").EnumerateArray().Select(static index => index.GetInt32())];

    public int TokenCount => Entry.GetProperty("tokens").GetInt32();

    public NpyArray Features => Array("features");

    public NpyArray Embeddings => Array("embeddings");

    public PromptVideo Video
    {
        get
        {
            string[] files = [.. Entry.GetProperty("frames").EnumerateArray().Select(file => Case.FilePath(file.GetString()!))];
            return new PromptVideo([.. Indexes.Select(index => new PromptImage(File.ReadAllBytes(files[index]), files[index]))], Name);
        }
    }

    public string PixelDigest =>
        Entry.GetProperty("pixels").GetProperty("original") is { ValueKind: JsonValueKind.String } file
            ? NpyArray.Read(Case.FilePath(file.GetString()!)).Digest()
            : Entry.GetProperty("pixels").GetProperty("original").GetProperty("sha256").GetString()!;

    public static IEnumerable<GoldenVideo> Of(GoldenCase golden) =>
        Manifest(golden).GetProperty("videos").EnumerateObject().Select(entry => new GoldenVideo(golden, entry.Name, entry.Value));

    public static IEnumerable<JsonElement> Runs(GoldenCase golden) => Manifest(golden).GetProperty("video_runs").EnumerateArray();

    public static IEnumerable<JsonElement> Variants(GoldenCase golden) =>
        Manifest(golden).TryGetProperty("variants", out JsonElement variants) ? variants.EnumerateArray() : [];

    private static JsonElement Manifest(GoldenCase golden) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Folder, "manifest.json"))).RootElement;

    private NpyArray Array(string key) => NpyArray.Read(Case.FilePath(Entry.GetProperty(key).GetString()!));
}
