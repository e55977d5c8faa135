namespace Tessera;

/// <summary>Finds a model's files by name or path.</summary>
public static class ModelCatalog
{
    /// <summary>Name of the small model that comes with Tessera.</summary>
    public const string EmbeddedName = "tiny";

    // LLaVA-1.5's layout, and LLaVA-NeXT's slices.
    private static readonly string[] EmbeddedNames = [EmbeddedName, "tiny-next"];

    private static string EmbeddedFolder => Path.Combine(AppContext.BaseDirectory, "models", "tiny");

    /// <summary>The files of a model.</summary>
    /// <param name="model">A GGUF file or a catalogue name; null for the embedded model.</param>
    /// <param name="projector">The projector's file, if the caller names one.</param>
    /// <param name="needsVision">Whether to look for a projector beside the model when none is named.</param>
    /// <returns>The language model's file, and the projector's if there is one.</returns>
    /// <exception cref="TesseraException">The name is not known, or the embedded model is missing.</exception>
    public static (string ModelPath, string? ProjectorPath) Resolve(string? model, string? projector, bool needsVision)
    {
        string name = model ?? EmbeddedName;
        if (!File.Exists(name) && EmbeddedNames.Contains(name))
            return Embedded(name, projector);
        if (model is null || (!File.Exists(model) && !LooksLikePath(model)))
            throw new TesseraException(
                $"'{model}' is neither a file nor a name in the catalogue, which has: {string.Join(", ", EmbeddedNames)}."
            );
        return (model, projector ?? (needsVision ? FindBeside(model) : null));
    }

    /// <summary>Whether a file is one of those that come with Tessera.</summary>
    public static bool ComesWithTessera(string path) =>
        Path.GetFullPath(path).StartsWith(EmbeddedFolder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static (string, string?) Embedded(string name, string? projector)
    {
        string language = Path.Combine(EmbeddedFolder, $"tessera-{name}-Q8_0.gguf"),
            vision = Path.Combine(EmbeddedFolder, $"tessera-{name}-mmproj-Q8_0.gguf");
        return File.Exists(language) && File.Exists(vision)
            ? (language, projector ?? vision)
            : throw new TesseraException(
                $"The model that comes with Tessera is missing from {EmbeddedFolder}: build again, or name another model."
            );
    }

    private static bool LooksLikePath(string model) =>
        model.Contains(Path.DirectorySeparatorChar) || model.Contains('/') || Path.HasExtension(model);

    // Publishers put one projector beside the model, with "mmproj" in its name; of several, the one whose name is else the model's.
    private static string? FindBeside(string model)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(model));
        if (folder is null || !Directory.Exists(folder))
            return null;
        string[] candidates =
        [
            .. Directory
                .EnumerateFiles(folder, "*.gguf")
                .Where(static path => Path.GetFileName(path).Contains("mmproj", StringComparison.OrdinalIgnoreCase)),
        ];
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
}
