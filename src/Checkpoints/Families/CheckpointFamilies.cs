using Tessera.Checkpoints.Language;

namespace Tessera.Checkpoints.Families;

/// <summary>The one table of families.</summary>
internal static class CheckpointFamilies
{
    private static readonly (string Name, Func<Settings, bool> Recognises, Func<Settings, CheckpointFamily> Create)[] Table =
    [
        ("LLaVA", LlavaFamily.Recognises, static config => new LlavaFamily(config)),
    ];

    /// <summary>Finds the family of a checkpoint.</summary>
    /// <exception cref="CheckpointException">No row knows it; the message says what was recognised.</exception>
    public static CheckpointFamily Find(Settings config)
    {
        foreach ((_, Func<Settings, bool> recognises, Func<Settings, CheckpointFamily> create) in Table)
            if (recognises(config)) return create(config);
        if (!config.Has("vision_config") && LanguageArchitectures.Find(config) is LanguageArchitecture language) return new LanguageOnly(language.Name);
        string type = CheckpointFolder.Shown(config.TryText("model_type") ?? "none"), classes = CheckpointFolder.Shown(string.Join(", ", config.Texts("architectures")));
        string vision = config.Child("vision_config")?.TryText("model_type") is string tower ? $", its vision tower '{CheckpointFolder.Shown(tower)}'" : "";
        throw new CheckpointException(config.Path, $"its model_type is '{type}' and its class '{classes}'{vision}, which no converter knows; known are"
            + $" {string.Join(", ", Table.Select(static row => row.Name))} and the language models {string.Join(", ", LanguageArchitectures.KnownClasses)}.");
    }
}
