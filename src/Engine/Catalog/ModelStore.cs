using System.Text.RegularExpressions;

namespace Tessera.Catalog;

/// <summary>The folder of pulled models, a folder for each.</summary>
internal static partial class ModelStore
{
    public const string FolderVariable = "TESSERA_MODELS";
    private const int LongestName = 100;

    /// <summary>Where pulled models are: TESSERA_MODELS, else the user's data folder.</summary>
    /// <exception cref="TesseraException">The user has no such folder.</exception>
    public static string Folder
    {
        get
        {
            if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } chosen)
                return Path.GetFullPath(chosen);
            string root = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            return root.Length > 0
                ? Path.Combine(root, "tessera", "models")
                : throw new TesseraException($"There is no folder for pulled models: set {FolderVariable} to one.");
        }
    }

    /// <summary>Whether a text can be a model's name and so a folder's, on every system.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= LongestName
        && char.IsAsciiLetterOrDigit(text[0])
        && text.All(static character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_')
        && !text.EndsWith('.');

    /// <summary>A text as a name.</summary>
    public static string ToName(string text)
    {
        string name = string.Concat(
            text.Select(static character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_' ? character : '-')
        );
        name = name.TrimStart('.', '-', '_').TrimEnd('.');
        return name.Length == 0 ? "model" : name[..Math.Min(name.Length, LongestName)].TrimEnd('.');
    }

    /// <summary>The folder of a model, there or not.</summary>
    public static string FolderOf(string name) => Path.Combine(Folder, name);

    /// <summary>A pulled model's files, or null.</summary>
    public static PulledModel? Find(string name)
    {
        if (!IsName(name))
            return null;
        string folder = FolderOf(name);
        if (!Directory.Exists(folder))
            return null;
        string[] files =
        [
            .. Directory
                .EnumerateFiles(folder, "*.gguf")
                .Order(StringComparer.Ordinal)
                .Where(static path => !Path.GetFileName(path).StartsWith('.')),
        ];
        string? model = files.FirstOrDefault(static path => !IsProjector(path));
        string checkpoint = Path.Combine(folder, CheckpointName);
        return model is not null ? new PulledModel(name, folder, model, files.FirstOrDefault(IsProjector), null)
            : File.Exists(Path.Combine(checkpoint, "config.json")) ? new PulledModel(name, folder, null, null, checkpoint)
            : null;
    }

    /// <summary>Where a checkpoint's files are in a model's folder.</summary>
    public const string CheckpointName = "checkpoint";

    /// <summary>The names of all pulled models.</summary>
    public static IEnumerable<string> Names()
    {
        string folder;
        try
        {
            folder = Folder;
        }
        catch (TesseraException)
        {
            return [];
        }

        return Directory.Exists(folder)
            ? Directory
                .EnumerateDirectories(folder)
                .Select(static path => Path.GetFileName(path))
                .Where(static name => Find(name) is not null)
                .Order(StringComparer.Ordinal)
            : [];
    }

    /// <summary>Deletes a folder in which a pull has left no byte.</summary>
    public static void ForgetIfEmpty(string folder)
    {
        try
        {
            if (new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).All(static file => file.Length == 0))
                Directory.Delete(folder, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next pull begins in it.
        }
    }

    /// <summary>Whether a file's name is that of a projector, as publishers name them.</summary>
    public static bool IsProjector(string path) => Path.GetFileName(path).Contains("mmproj", StringComparison.OrdinalIgnoreCase);

    /// <summary>The language model's file in a folder of somebody's.</summary>
    /// <exception cref="ModelFileException">There is none, or more than one; the message says what there is.</exception>
    public static string OnlyModelIn(string folder)
    {
        const int MostShown = 5;
        string[] models =
        [
            .. Directory
                .EnumerateFiles(folder, "*.gguf")
                .Where(static path => !IsProjector(path) && !IsLaterPart(path))
                .Order(StringComparer.Ordinal),
        ];
        if (models.Length == 1)
            return models[0];
        if (models.Length > 1)
            throw new ModelFileException(
                folder,
                $"it is a directory with {models.Length} models: name one of "
                    + $"{string.Join(", ", models.Take(MostShown).Select(Path.GetFileName))}{(models.Length > MostShown ? ", …" : "")}."
            );
        throw new ModelFileException(
            folder,
            File.Exists(Path.Combine(folder, "config.json"))
                ? "it is a directory with a released checkpoint, which has to be converted to GGUF first."
                : "it is a directory without a language model's GGUF file."
        );
    }

    /// <summary>Whether a file is a split model's and not its first, which stands for all: name-00001-of-00003.gguf.</summary>
    public static bool IsLaterPart(string path) =>
        Path.GetFileName(path) is var name && SplitPart().Match(name) is { Success: true } part && part.Groups[1].Value != "00001";

    /// <summary>What the files of a split model's name have in common; null for a file that is whole.</summary>
    public static string? SplitName(string path) =>
        SplitPart().Match(path) is { Success: true } part
            ? path[..part.Index] + path[(part.Groups[1].Index + part.Groups[1].Length)..]
            : null;

    [GeneratedRegex(@"-(\d{5})-of-\d{5}\.gguf$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SplitPart();
}
