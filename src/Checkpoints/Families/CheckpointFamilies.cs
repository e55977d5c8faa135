using Tessera.Checkpoints.Language;

namespace Tessera.Checkpoints.Families;

/// <summary>The one table of families.</summary>
internal static class CheckpointFamilies
{
    private static readonly (
        string Name,
        Func<Settings, bool> Recognises,
        Func<Settings, IReadOnlyCollection<string>, CheckpointFamily> Create
    )[] Table =
    [
        ("MiniGPT-4", MiniGptFamily.Recognises, static (_, names) => new MiniGptFamily(names)),
        ("BLIP-2 in LAVIS' layout", LavisFamily.Recognises, static (config, names) => new LavisFamily(config, names)),
        ("InternVL", InternVlFamily.Recognises, static (config, _) => new InternVlFamily(config)),
        ("MiniCPM-V", MiniCpmVFamily.Recognises, static (config, names) => new MiniCpmVFamily(config, names)),
        ("mPLUG-Owl2", MplugOwl2Family.Recognises, static (config, _) => new MplugOwl2Family(config)),
        ("mPLUG-Owl", MplugOwlFamily.Recognises, static (config, _) => new MplugOwlFamily(config)),
        ("CogVLM", CogVlmFamily.Recognises, static (config, _) => new CogVlmFamily(config)),
        ("Cambrian-1", CambrianFamily.Recognises, static (config, _) => new CambrianFamily(config)),
        ("GLM-4V", Glm4vFamily.Recognises, static (config, _) => new Glm4vFamily(config)),
        ("BLIP", BlipFamily.Recognises, static (config, names) => new BlipFamily(config, names)),
        ("BLIP-2", Blip2Family.Recognises, static (config, _) => new Blip2Family(config)),
        ("MiniCPM-V 4.6", MiniCpmV46Family.Recognises, static (config, _) => new MiniCpmV46Family(config)),
        ("OpenFlamingo", FlamingoFamily.Recognises, static (config, names) => new FlamingoFamily(config, names)),
        ("IDEFICS", IdeficsFamily.Recognises, static (config, _) => new IdeficsFamily(config)),
        ("Llama 3.2 Vision", MllamaFamily.Recognises, static (config, _) => new MllamaFamily(config)),
        ("VILA", VilaFamily.Recognises, static (config, _) => new VilaFamily(config)),
        ("NVILA", NvilaLayout.Recognises, static (config, names) => new VilaFamily(NvilaLayout.ToAuthors(config, names))),
        ("InternVL 1.0", InternVl1Family.Recognises, static (config, _) => new InternVl1Family(config)),
        ("LLaVA-UHD", LlavaUhdFamily.Recognises, static (config, _) => new LlavaUhdFamily(config)),
        ("LLaVA", LlavaFamily.Recognises, static (config, _) => new LlavaFamily(config)),
    ];

    /// <summary>Finds the family of a checkpoint.</summary>
    /// <param name="config">Its config.json.</param>
    /// <param name="names">The names of its tensors.</param>
    /// <exception cref="CheckpointException">No row knows it; the message says what was recognised.</exception>
    public static CheckpointFamily Find(Settings config, IReadOnlyCollection<string> names)
    {
        foreach ((_, Func<Settings, bool> recognises, Func<Settings, IReadOnlyCollection<string>, CheckpointFamily> create) in Table)
            if (recognises(config))
                return create(config, names);
        if (!config.Has("vision_config") && LanguageArchitectures.Find(config) is LanguageArchitecture language)
            return new LanguageOnly(language.Name);
        string type = CheckpointFolder.Shown(config.TryText("model_type") ?? "none"),
            classes = CheckpointFolder.Shown(string.Join(", ", config.Texts("architectures")));
        string vision = config.Child("vision_config")?.TryText("model_type") is string tower
            ? $", its vision tower '{CheckpointFolder.Shown(tower)}'"
            : "";
        throw new CheckpointException(
            config.Path,
            $"its model_type is '{type}' and its class '{classes}'{vision}, which no converter knows; known are"
                + $" {string.Join(", ", Table.Select(static row => row.Name))} and the language models "
                + $"{string.Join(", ", LanguageArchitectures.KnownClasses)}."
        );
    }
}
