using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Annotate;

/// <summary>Folders of small pictures, and the lines that annotating them gives.</summary>
internal static class AnnotateRuns
{
    /// <summary>The arguments that choose the small golden model and short answers.</summary>
    public static readonly string[] Model = ["-m", Goldens.Language, "--mmproj", Goldens.Projector, "--max-tokens", "4"];

    /// <summary>Fills a folder with pictures whose bytes differ.</summary>
    public static string[] Fill(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        byte[] picture = File.ReadAllBytes(Goldens.Picture("wide"));
        string[] paths = [.. Enumerable.Range(0, count).Select(index => Path.Combine(folder, $"{index:000}.png"))];
        // What follows a PNG's end is not read.
        foreach ((string path, int index) in paths.Select(static (path, index) => (path, index)))
            File.WriteAllBytes(path, [.. picture, (byte)index, (byte)(index >> 8)]);
        return paths;
    }

    /// <summary>Annotates inside this process.</summary>
    public static Task<CliRun> RunAsync(params string[] arguments) => CliRun.InProcessAsync(["annotate", .. Model, .. arguments]);

    /// <summary>The lines of a file.</summary>
    public static JsonElement[] Lines(string path) => [.. File.ReadLines(path).Select(static line => JsonElement.Parse(line))];

    public static string PathOf(JsonElement line) => line.GetProperty("path").GetString()!;
}
