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

    public IEnumerable<GoldenPicture> Pictures =>
        manifest.GetProperty("pictures").EnumerateObject().Select(entry => new GoldenPicture(this, entry.Name, entry.Value));

    public IEnumerable<GoldenRun> Runs => manifest.GetProperty("runs").EnumerateArray().Select(entry => new GoldenRun(this, entry));

    /// <summary>Projector files beside the F16 one, with the lowest mean cosine that they must keep.</summary>
    public IEnumerable<(string Path, double Limit)> QuantizedProjectors =>
        manifest
            .GetProperty("models")
            .EnumerateObject()
            .Where(static model => model.Value.TryGetProperty("limit", out _))
            .Select(model => (FilePath(model.Value.GetProperty("file").GetString()!), model.Value.GetProperty("limit").GetDouble()));

    public string Projector => ModelPath("mmproj-f16");

    /// <summary>Projector files that hold the same weights in another layout.</summary>
    public IEnumerable<string> OtherLayouts =>
        manifest
            .GetProperty("models")
            .EnumerateObject()
            .Where(static model =>
                model.Name.StartsWith("mmproj", StringComparison.Ordinal)
                && model.Name != "mmproj-f16"
                && !model.Value.TryGetProperty("limit", out _)
            )
            .Select(model => ModelPath(model.Name));

    public string LanguageModel => ModelPath("language-f16");

    /// <summary>One file with both sides; null where there is none.</summary>
    public string? WholeModel =>
        manifest.GetProperty("models").EnumerateObject().Any(static model => model.Name == "ollama-f16") ? ModelPath("ollama-f16") : null;

    /// <summary>Cases whose pictures are rows of the prompt, and nothing beside them.</summary>
    public static IEnumerable<GoldenCase> All() =>
        Everything()
            .Where(static golden => !golden.manifest.TryGetProperty("memory", out _) && !golden.manifest.TryGetProperty("beside", out _));

    /// <summary>Cases whose pictures are memories that cross-attention layers see.</summary>
    public static IEnumerable<GoldenCase> WithMemory() =>
        Everything().Where(static golden => golden.manifest.TryGetProperty("memory", out _));

    private static IEnumerable<GoldenCase> Everything() =>
        Directory
            .EnumerateFiles(RepositoryRoot.Path("tests", "goldens"), "manifest.json", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Select(static file => new GoldenCase(Path.GetDirectoryName(file)!, JsonDocument.Parse(File.ReadAllBytes(file)).RootElement))
            .Where(static golden => golden.manifest.TryGetProperty("runs", out _));

    public static GoldenCase Find(string name) => Everything().Single(golden => golden.Name == name);

    private string ModelPath(string name) => FilePath(manifest.GetProperty("models").GetProperty(name).GetProperty("file").GetString()!);

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

    /// <summary>What was asked of the plan.</summary>
    public PlanRequest Request =>
        new()
        {
            ImageCount = Entry.TryGetProperty("image_count", out JsonElement count) ? count.GetInt32() : 1,
            Instruction = Entry.TryGetProperty("instruction", out JsonElement asked) ? asked.GetString() : null,
        };

    /// <summary>Where its embeddings stand, counted from the first; null for one after another.</summary>
    public int[]? Places =>
        Entry.TryGetProperty("places", out JsonElement places)
            ? [.. places.EnumerateArray().Select(static place => place.GetInt32())]
            : null;

    /// <summary>How many of its last embeddings a language model with weights of their own for pictures reads as text.</summary>
    public int TextTail => Entry.TryGetProperty("text_tail", out JsonElement tail) ? tail.GetInt32() : 0;

    /// <summary>The pixels, or null where only their digest is kept.</summary>
    public NpyArray? Pixels(string preprocessing) =>
        PixelEntry(preprocessing) is { ValueKind: JsonValueKind.String } file ? NpyArray.Read(Case.FilePath(file.GetString()!)) : null;

    /// <summary>SHA-256 of the float32 pixels.</summary>
    public string PixelDigest(string preprocessing) =>
        Pixels(preprocessing) is NpyArray array ? array.Digest() : PixelEntry(preprocessing).GetProperty("sha256").GetString()!;

    public NpyArray Features => NpyArray.Read(Case.FilePath(Entry.GetProperty("features").GetString()!));

    public NpyArray Embeddings => NpyArray.Read(Case.FilePath(Entry.GetProperty("embeddings").GetString()!));

    /// <summary>What stands beside its embeddings.</summary>
    public NpyArray Beside => NpyArray.Read(Case.FilePath(Entry.GetProperty("beside").GetString()!));

    public bool HasPixels(string preprocessing) => Entry.GetProperty("pixels").TryGetProperty(preprocessing, out _);

    private JsonElement PixelEntry(string preprocessing) => Entry.GetProperty("pixels").GetProperty(preprocessing);
}

public sealed record GoldenRun(GoldenCase Case, JsonElement Entry)
{
    public string Name => Entry.GetProperty("name").GetString()!;

    public string Prompt => Entry.GetProperty("prompt").GetString()!;

    public IReadOnlyList<string> Pictures => [.. Entry.GetProperty("pictures").EnumerateArray().Select(static name => name.GetString()!)];

    public int[] Tokens => [.. Entry.GetProperty("tokens").EnumerateArray().Select(static token => token.GetInt32())];

    public NpyArray Logits => NpyArray.Read(Case.FilePath(Entry.GetProperty("logits").GetString()!));

    /// <summary>What the prompt becomes, in order.</summary>
    public IReadOnlyList<GoldenSpan> Spans => [.. Entry.GetProperty("spans").EnumerateArray().Select(GoldenSpan.Read)];
}

/// <summary>A run of tokens, or a stretch of a picture's embeddings; the count is null for all of them.</summary>
public sealed record GoldenSpan(int[]? Ids, string? Picture, int Start, int? Count, bool IsMemory = false)
{
    public static GoldenSpan Read(JsonElement span)
    {
        if (span.TryGetProperty("ids", out JsonElement ids))
            return new GoldenSpan([.. ids.EnumerateArray().Select(static id => id.GetInt32())], null, 0, null);
        if (span.TryGetProperty("memory", out JsonElement memory))
            return new GoldenSpan(null, memory.GetString(), 0, null, IsMemory: true);
        bool isStretch = span.TryGetProperty("start", out JsonElement start);
        return new GoldenSpan(
            null,
            span.GetProperty("picture").GetString(),
            isStretch ? start.GetInt32() : 0,
            isStretch ? span.GetProperty("count").GetInt32() : null
        );
    }

    /// <summary>The embeddings of the stretch, of all the picture's.</summary>
    public ReadOnlySpan<float> Rows(NpyArray embeddings)
    {
        int width = (int)embeddings.Shape[^1];
        return embeddings.Values.AsSpan(Start * width, (Count ?? embeddings.Values.Length / width) * width);
    }
}
