namespace Tessera.Fuzz.Kinds;

/// <summary>Files and settings that several kinds share.</summary>
internal static class ModelFile
{
    /// <summary>The goldens' files of a name, sorted, so that the same number is the same file on every machine.</summary>
    public static string[] Goldens(string pattern)
    {
        string[] files = Directory.GetFiles(
            Cli.Tests.Support.Goldens.RepositoryPath("tests", "goldens"),
            pattern,
            SearchOption.AllDirectories
        );
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    /// <summary>
    /// How a hostile model is loaded: as library hosts do, or as the program does, which tries it in a process of its own.
    /// </summary>
    public static ModelOptions Options(string path, bool usesTrial) =>
        new()
        {
            ModelPath = path,
            ThreadCount = 1,
            Trial = usesTrial
                ? new ModelTrial
                {
                    Program = "dotnet",
                    Arguments = [typeof(ModelFile).Assembly.Location, "trial"],
                    Folder = null,
                }
                : null,
        };

    /// <summary>A greedy answer of a few tokens.</summary>
    public static GenerationOptions Short(int tokens = 3) =>
        new()
        {
            MaxTokens = tokens,
            Temperature = 0,
            Seed = 1,
        };

    /// <summary>The tiny LLaVA-1.5, on one thread.</summary>
    public static MultimodalModel LoadGolden() =>
        MultimodalModel
            .LoadAsync(
                new ModelOptions
                {
                    ModelPath = Cli.Tests.Support.Goldens.Language,
                    ProjectorPath = Cli.Tests.Support.Goldens.Projector,
                    ThreadCount = 1,
                    ContextLength = 512,
                }
            )
            .GetAwaiter()
            .GetResult();

    public static PromptImage Picture(string name) => new(File.ReadAllBytes(Cli.Tests.Support.Goldens.Picture(name)), name);

    public static PromptImage Sample(string name) =>
        new(File.ReadAllBytes(Cli.Tests.Support.Goldens.RepositoryPath("samples", $"{name}.png")), name);
}
