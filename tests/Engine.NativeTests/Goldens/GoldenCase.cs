using System.Text.Json;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>A folder of goldens that the reference made: tests/goldens/README.md tells its format.</summary>
public sealed class GoldenCase
{
    private readonly JsonElement manifest;

    private GoldenCase(string folder, JsonElement manifest)
    {
        Folder = folder;
        this.manifest = manifest;
    }

    public string Folder { get; }

    public string Name => manifest.GetProperty("case").GetString()!;

    public IEnumerable<GoldenPicture> Pictures => manifest.GetProperty("pictures").EnumerateObject().Select(entry => new GoldenPicture(this, entry.Name, entry.Value));

    public IEnumerable<GoldenRun> Runs => manifest.GetProperty("runs").EnumerateArray().Select(entry => new GoldenRun(this, entry));

    /// <summary>Projector files beside the F16 one, with the lowest mean cosine that they must keep.</summary>
    public IEnumerable<(string Path, double Limit)> QuantizedProjectors => manifest.GetProperty("models").EnumerateObject()
        .Where(static model => model.Value.TryGetProperty("limit", out _))
        .Select(model => (FilePath(model.Value.GetProperty("file").GetString()!), model.Value.GetProperty("limit").GetDouble()));

    public string Projector => FilePath("mmproj-f16.gguf");

    public string LanguageModel => FilePath("language-f16.gguf");

    public static IEnumerable<GoldenCase> All() => Directory
        .EnumerateFiles(RepositoryRoot.Path("tests", "goldens"), "manifest.json", SearchOption.AllDirectories)
        .Order(StringComparer.Ordinal)
        .Select(static file => new GoldenCase(Path.GetDirectoryName(file)!, JsonDocument.Parse(File.ReadAllBytes(file)).RootElement))
        .Where(static golden => golden.manifest.TryGetProperty("runs", out _));

    public static GoldenCase Find(string name) => All().Single(golden => golden.Name == name);

    public string FilePath(string relative) => Path.GetFullPath(Path.Combine(Folder, relative));

    public PromptImage Image(string pictureName)
    {
        string path = Pictures.Single(picture => picture.Name == pictureName).Path;
        return new PromptImage(File.ReadAllBytes(path), path);
    }
}

public sealed record GoldenPicture(GoldenCase Case, string Name, JsonElement Entry)
{
    public string Path => Case.FilePath(Entry.GetProperty("file").GetString()!);

    public PromptImage Image => new(File.ReadAllBytes(Path), Path);

    public NpyArray Pixels(string preprocessing) => NpyArray.Read(Case.FilePath(Entry.GetProperty("pixels").GetProperty(preprocessing).GetString()!));

    public NpyArray Features => NpyArray.Read(Case.FilePath(Entry.GetProperty("features").GetString()!));

    public NpyArray Embeddings => NpyArray.Read(Case.FilePath(Entry.GetProperty("embeddings").GetString()!));

    public bool HasPixels(string preprocessing) => Entry.GetProperty("pixels").TryGetProperty(preprocessing, out _);
}

public sealed record GoldenRun(GoldenCase Case, JsonElement Entry)
{
    public string Name => Entry.GetProperty("name").GetString()!;

    public string Prompt => Entry.GetProperty("prompt").GetString()!;

    public IReadOnlyList<string> Pictures => [.. Entry.GetProperty("pictures").EnumerateArray().Select(static name => name.GetString()!)];

    public int[] Tokens => [.. Entry.GetProperty("tokens").EnumerateArray().Select(static token => token.GetInt32())];

    public NpyArray Logits => NpyArray.Read(Case.FilePath(Entry.GetProperty("logits").GetString()!));

    /// <summary>Token runs of the prompt; null stands for a picture.</summary>
    public IReadOnlyList<int[]?> Spans => [.. Entry.GetProperty("spans").EnumerateArray().Select(static span =>
        span.TryGetProperty("ids", out JsonElement ids) ? ids.EnumerateArray().Select(static id => id.GetInt32()).ToArray() : null)];
}
