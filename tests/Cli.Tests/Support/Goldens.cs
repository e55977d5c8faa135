namespace Tessera.Cli.Tests.Support;

/// <summary>The tiny models and pictures under tests/goldens.</summary>
internal static class Goldens
{
    private static readonly string Root = FindRoot();

    public static string Folder => RepositoryPath("tests", "goldens", "llava", "llava-1.5");

    public static string Language => Path.Combine(Folder, "language-f16.gguf");

    public static string Projector => Path.Combine(Folder, "mmproj-f16.gguf");

    /// <summary>A golden of the LLaVA-1.5 case, such as <c>wide.pixels.npy</c>.</summary>
    public static string File(string name) => Path.Combine(Folder, name);

    public static string Picture(string name) => RepositoryPath("tests", "goldens", "pictures", $"{name}.png");

    public static string RepositoryPath(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder, "Tessera.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"No Tessera.slnx above {AppContext.BaseDirectory}.");
    }
}
