using Tessera.Catalog;
using Tessera.Gguf;
using Tessera.Vision.Encoding;

namespace Tessera;

/// <summary>
/// Finds a model's files by name or path, and fetches those of the catalogue: models.txt, which comes with Tessera, and a file of that name
/// in <see cref="Folder"/>, whose entries come first.
/// </summary>
public static class ModelCatalog
{
    private const string FileName = "models.txt";
    private const int MostTextLength = 4 << 20;
    private static readonly Lazy<IReadOnlyList<CatalogEntry>> Known = new(ReadEmbedded);

    /// <summary>Name of the small model that comes with Tessera: the catalogue's first.</summary>
    public static string EmbeddedName => Known.Value[0].Name;

    /// <summary>Where pulled models are: what TESSERA_MODELS says, else a folder of the user's.</summary>
    /// <exception cref="TesseraException">The user has no such folder.</exception>
    public static string Folder => ModelStore.Folder;

    /// <summary>The catalogue.</summary>
    /// <exception cref="TesseraException">The user's own models.txt cannot be read or understood.</exception>
    public static IReadOnlyList<CatalogEntry> Entries()
    {
        IReadOnlyList<CatalogEntry> own = ReadOwn();
        return [.. Known.Value.Where(entry => own.All(other => other.Name != entry.Name)), .. own];
    }

    /// <summary>The models that were pulled.</summary>
    public static IReadOnlyList<PulledModel> Pulled() => [.. ModelStore.Names().Select(static name => ModelStore.Find(name)!)];

    /// <summary>The files of a model.</summary>
    /// <param name="model">A GGUF file, a folder with just one model, a catalogue name or that of a pulled model; null for the embedded
    /// model.</param>
    /// <param name="projector">The projector's file, if the caller names one.</param>
    /// <param name="needsVision">Whether to look for a projector beside the model when none is named.</param>
    /// <returns>The language model's file, and the projector's if there is one.</returns>
    /// <exception cref="UnknownModelException">The name is not known.</exception>
    /// <exception cref="TesseraException">Its model is not pulled, or the embedded model is missing.</exception>
    public static (string ModelPath, string? ProjectorPath) Resolve(string? model, string? projector, bool needsVision)
    {
        string name = model ?? EmbeddedName;
        if (File.Exists(name))
            return (name, projector ?? (needsVision ? FindVision(name) : null));
        if (Known.Value.FirstOrDefault(entry => entry.IsEmbedded && entry.Name == name) is { } embedded)
            return Embedded(embedded, projector);
        if (ModelStore.Find(name) is { } pulled)
            return pulled.ModelPath is null
                ? throw new TesseraException(
                    $"'{name}' was pulled as a checkpoint, which has to be converted first: pull it once more and say to what type."
                )
                : (pulled.ModelPath, projector ?? (needsVision ? pulled.ProjectorPath : null));
        if (Entries().Any(entry => entry.Name == name))
            throw new TesseraException($"'{name}' is in the catalogue, but not on this machine: pull it first.");
        if (Directory.Exists(name))
            return Resolve(ModelStore.OnlyModelIn(name), projector, needsVision);
        throw LooksLikePath(name)
            ? new ModelFileException(name, "there is no such file.")
            : new UnknownModelException(name, NearNames(name));
    }

    // Its own file, where that holds the vision half too, or one beside it.
    private static string? FindVision(string model)
    {
        try
        {
            using GgufFile file = GgufFile.Open(model);
            if (Projector.IsInLanguageModel(file))
                return model;
        }
        catch (ModelFileException)
        {
            // Whoever loads it says why.
        }

        return FindBeside(model);
    }

    /// <summary>Fetches a model, going on where an earlier pull was interrupted.</summary>
    /// <param name="source">A name of the catalogue, the address of a GGUF file, or <c>hf:owner/repo</c> with or without
    /// <c>:file</c>.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told how far it is, on other threads.</param>
    /// <param name="cancellationToken">Stops it; what was fetched stays for the next pull.</param>
    /// <returns>Where its files are.</returns>
    /// <exception cref="PullException">It cannot be had; <see cref="PullException.Failure"/> says why.</exception>
    public static Task<PulledModel> PullAsync(
        string source,
        PullOptions? options = null,
        IProgress<PullProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= new PullOptions();
        if (options.Name is { } name && !ModelStore.IsName(name))
            throw new PullException(PullFailure.NotFound, "A model's name has letters, digits, '.', '-' and '_' only.");
        return new ModelPull(options, Entries()).RunAsync(source, progress, cancellationToken);
    }

    /// <summary>Deletes a pulled model, or what an interrupted pull has left of it.</summary>
    /// <returns>The bytes that became free.</returns>
    /// <exception cref="TesseraException">No such model was pulled, or a file cannot be deleted.</exception>
    public static long Remove(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string folder = ModelStore.IsName(name) ? ModelStore.FolderOf(name) : "";
        if (!Directory.Exists(folder))
            throw new TesseraException(
                $"No model '{name}' was pulled{(Pulled().Count == 0 ? "" : $"; there are {string.Join(", ", ModelStore.Names())}")}."
            );
        try
        {
            long bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(static file => file.Length);
            Directory.Delete(folder, recursive: true);
            return bytes;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{folder} cannot be deleted: {failure.Message.TrimEnd('.')}.", failure);
        }
    }

    /// <summary>Whether a file is one of those that come with Tessera.</summary>
    public static bool ComesWithTessera(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string full = Path.GetFullPath(path);
        return Known.Value.Any(entry => entry.IsEmbedded && Files(entry).Any(file => full == Path.GetFullPath(InProgram(file))));
    }

    /// <summary>The names that may be meant by one that is none.</summary>
    internal static IReadOnlyList<string> NearNames(string name)
    {
        const int Shown = 5,
            ShortestPart = 3;
        IEnumerable<string> names = Known.Value.Select(static entry => entry.Name).Concat(ModelStore.Names()).Distinct();
        return
        [
            .. names
                .Select(known => (known, Distance: Distance(known, name)))
                .Where(pair =>
                    pair.Distance <= Math.Max(2, name.Length / 3)
                    || (name.Length >= ShortestPart && pair.known.Contains(name, StringComparison.OrdinalIgnoreCase))
                    || pair.known.AsSpan().CommonPrefixLength(name) > Math.Max(ShortestPart, name.Length / 2)
                )
                .OrderBy(static pair => pair.Distance)
                .Take(Shown)
                .Select(static pair => pair.known),
        ];
    }

    /// <summary>Near names as the end of a sentence.</summary>
    internal static string Meant(IReadOnlyList<string> near) => near.Count > 0 ? $"; did you mean {string.Join(" or ", near)}?" : ".";

    private static (string, string?) Embedded(CatalogEntry entry, string? projector)
    {
        string[] files = [.. Files(entry).Select(InProgram)];
        return files.All(File.Exists)
            ? (files[0], projector ?? files.ElementAtOrDefault(1))
            : throw new TesseraException(
                $"The model that comes with Tessera is missing from {Path.GetDirectoryName(files[0])}: build again, or name another model."
            );
    }

    private static IEnumerable<string> Files(CatalogEntry entry) =>
        ((CatalogFile?[])[entry.Model, entry.Projector]).OfType<CatalogFile>().Select(static file => file.Path);

    private static string InProgram(string file) => Path.Combine(AppContext.BaseDirectory, Path.Combine(file.Split('/')));

    private static IReadOnlyList<CatalogEntry> ReadEmbedded()
    {
        using Stream stream = typeof(ModelCatalog).Assembly.GetManifestResourceStream("Tessera.models.txt")!;
        using var reader = new StreamReader(stream);
        return CatalogText.Read(reader.ReadToEnd(), FileName);
    }

    private static IReadOnlyList<CatalogEntry> ReadOwn()
    {
        string path = Path.Combine(Folder, FileName);
        try
        {
            if (!File.Exists(path))
                return [];
            return new FileInfo(path).Length <= MostTextLength
                ? CatalogText.Read(File.ReadAllText(path), path)
                : throw new TesseraException($"{path} is larger than any catalogue.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path} cannot be read: {failure.Message.TrimEnd('.')}.", failure);
        }
    }

    private static bool LooksLikePath(string model) =>
        model.Contains(Path.DirectorySeparatorChar) || model.Contains('/') || model.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    // Publishers put one projector beside the model, with "mmproj" in its name; of several, the one whose name is else the model's.
    private static string? FindBeside(string model)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(model));
        if (folder is null || !Directory.Exists(folder))
            return null;
        string[] candidates = [.. Directory.EnumerateFiles(folder, "*.gguf").Where(ModelStore.IsProjector)];
        return candidates.Length == 1
            ? candidates[0]
            : candidates.FirstOrDefault(candidate =>
                NameWithoutMark(candidate).Equals(Path.GetFileName(model), StringComparison.OrdinalIgnoreCase)
            );
    }

    private static string NameWithoutMark(string projector) =>
        Path.GetFileName(projector)
            .Replace("-mmproj", "", StringComparison.OrdinalIgnoreCase)
            .Replace("mmproj-", "", StringComparison.OrdinalIgnoreCase);

    // Letters to insert, leave out or exchange (Levenshtein).
    private static int Distance(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        foreach (char letter in one)
        {
            int diagonal = row[0]++;
            for (int index = 1; index < row.Length; index++)
            {
                int changed = diagonal + (char.ToLowerInvariant(letter) == char.ToLowerInvariant(other[index - 1]) ? 0 : 1);
                diagonal = row[index];
                row[index] = Math.Min(changed, Math.Min(row[index], row[index - 1]) + 1);
            }
        }

        return row[^1];
    }
}
