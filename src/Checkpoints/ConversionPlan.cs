using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints;

/// <summary>What a checkpoint becomes: every key and every tensor, before a weight is read.</summary>
internal sealed record ConversionPlan(string Family, string Architecture, ModelFile Language, ModelFile? Projector)
{
    // GGML_QNT_VERSION and the numbers of file types, ggml-org/llama.cpp v0.5.0.
    private const long QuantizationVersion = 2;

    /// <exception cref="CheckpointException">It cannot be converted; the message says why.</exception>
    public static ConversionPlan Make(
        CheckpointParts parts,
        CheckpointWeights weights,
        IReadOnlyList<VisionTowerFolder> towers,
        ConversionOptions options
    )
    {
        CheckpointFolder folder = parts.Root;
        Settings config = parts.ReadConfig();
        CheckpointFamily family = CheckpointFamilies.Find(config, weights.Names);
        Settings languageConfig = LanguageDefaults.Complete(family.LanguageConfig(config));
        string kind = languageConfig.TryText("model_type") ?? string.Join(", ", languageConfig.Texts("architectures"));
        LanguageArchitecture architecture =
            LanguageArchitectures.Find(languageConfig)
            ?? throw new CheckpointException(
                config.Path,
                $"it is a {family.Name}, but its language model '{CheckpointFolder.Shown(kind)}' is not known."
            );
        var sides = new Dictionary<Side, Dictionary<string, StoredTensor>>
        {
            [Side.Language] = new(StringComparer.Ordinal),
            [Side.Vision] = new(StringComparer.Ordinal),
            [Side.Adapter] = new(StringComparer.Ordinal),
        };
        foreach (StoredTensor tensor in weights.Tensors)
        {
            if (Names.IsTable(tensor.Name))
                continue;
            (Side side, string name) = family.Place(tensor.Name);
            if (side == Side.Ignored || (side == Side.Language && architecture.Ignores(name)))
                continue;
            sides[side].TryAdd(side == Side.Language ? architecture.Canonical(name) : name, tensor);
        }

        string outputName = OutputName(folder, options);
        var card = new ModelCard(folder);
        ModelFile? language = null;
        if (family.HasLanguage)
            language = MakeLanguage(
                parts,
                languageConfig,
                config,
                family,
                architecture,
                sides[Side.Language],
                sides[Side.Adapter],
                weights,
                card,
                outputName,
                options
            );
        else if (sides[Side.Language].Values.FirstOrDefault() is StoredTensor unknown)
            throw unknown.Fail($"is known to no rule of a {family.Name}.");
        var source = new VisionSource(
            folder,
            config,
            sides[Side.Vision],
            languageConfig.Size("hidden_size", "d_model"),
            towers.Count > 0 ? towers[0] : null
        )
        {
            Towers = towers,
            ProcessorFolder = parts.Vision,
        };
        ModelFile? projector = MakeProjector(family, source, card, outputName, options);
        string[] sources =
        [
            .. parts.SettingFiles().Select(static pair => pair.Name),
            .. WeightFiles(parts, weights, towers).Select(static pair => pair.Name),
        ];
        foreach (ModelFile file in new[] { language, projector }.OfType<ModelFile>())
            file.DeclareSources(sources);
        return language is null
            ? new ConversionPlan(family.Name, "clip", projector!, null)
            : new ConversionPlan(family.Name, architecture.Name, language, projector);
    }

    /// <summary>The files that hold a checkpoint's weights, by the names that are recorded.</summary>
    public static IEnumerable<(string Name, WeightFile File)> WeightFiles(
        CheckpointParts parts,
        CheckpointWeights weights,
        IReadOnlyList<VisionTowerFolder> towers
    ) =>
        weights
            .Files.Select(file => (RecordedName(parts.Root, file), file))
            .Concat(
                towers.SelectMany(
                    (tower, index) => tower.Files.Select(file => ($"vision-tower{(towers.Count > 1 ? $"-{index}" : "")}/{file.Name}", file))
                )
            );

    // A language model that lies elsewhere is recorded without where.
    private static string RecordedName(CheckpointFolder root, WeightFile file)
    {
        string path = Path.GetRelativePath(root.FullPath, file.Path).Replace('\\', '/');
        return path.StartsWith("../", StringComparison.Ordinal) || Path.IsPathRooted(path) ? "language-model/" + file.Name : path;
    }

    private static ModelFile MakeLanguage(
        CheckpointParts parts,
        Settings config,
        Settings whole,
        CheckpointFamily family,
        LanguageArchitecture architecture,
        Dictionary<string, StoredTensor> tensors,
        Dictionary<string, StoredTensor> adapters,
        CheckpointWeights weights,
        ModelCard card,
        string outputName,
        ConversionOptions options
    )
    {
        CheckpointFolder folder = parts.Root;
        var mapper = new TensorMapper(folder.FullPath, StoredType(options.Type));
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string name, TensorValues values) in architecture.Extra(config))
            mapper.Add(name, "config.json", values, isFull: true);
        IReadOnlyList<TensorRule> rules = architecture.Rules(config);
        mapper.Map(
            tensors,
            rules,
            architecture.Dimensions(config),
            architecture.BlockCount(config),
            used,
            (name, tensor) => family.Adapt(name, tensor, adapters)
        );
        // Where little is known, what is not known says more than what is missing.
        if (used.Count > tensors.Count / 2)
            mapper.Require(tensors, rules, architecture.BlockCount(config));
        RequireAllUsed(folder, family, tensors, used, weights);
        foreach ((string name, StoredTensor adapter) in adapters)
            if (!tensors.ContainsKey($"{name[..name.LastIndexOf('.')]}.weight"))
                throw adapter.Fail("adapts a matrix that the language model does not have.");
        mapper.Require(tensors, rules, architecture.BlockCount(config));
        var metadata = new Metadata();
        SetGeneral(metadata, architecture.Name, "model", folder, card, options, mapper);
        card.SetSampling(metadata.Set);
        architecture.SetKeys(metadata, config);
        family.SetLanguageKeys(metadata, whole, architecture);
        architecture.SetVocabulary(metadata, parts.Language, config);
        family.ChangeVocabulary(metadata);
        NamedRules.Apply(metadata, parts.Language, architecture.Name);
        if (!family.KeepsChatTemplate)
            metadata.Remove("tokenizer.chat_template");
        metadata.SetIfKnown("tokenizer.chat_template", family.ChatTemplate(options.Name ?? folder.Name, metadata));
        return new ModelFile(
            Path.Combine(Path.GetFullPath(options.OutputFolder), $"{outputName}-{TypeName(mapper, options)}.gguf"),
            metadata,
            mapper.Targets
        );
    }

    private static ModelFile? MakeProjector(
        CheckpointFamily family,
        VisionSource source,
        ModelCard card,
        string outputName,
        ConversionOptions options
    )
    {
        if (family.ReadVision(source) is not VisionModel vision)
            return null;
        var mapper = new TensorMapper(source.Folder.FullPath, StoredType(options.Type));
        var used = new HashSet<string>(StringComparer.Ordinal);
        IReadOnlyDictionary<string, StoredTensor> tensors = vision.Tensors ?? source.Tensors;
        mapper.Map(tensors, vision.Rules, vision.Dimensions, vision.BlockCount, used);
        mapper.Require(tensors, vision.Rules, vision.BlockCount);
        foreach ((string name, TensorValues values) in vision.Extra)
            mapper.Add(name, "config.json", values, isFull: true);
        if (tensors.FirstOrDefault(pair => !used.Contains(pair.Key)).Value is StoredTensor unknown)
            throw unknown.Fail($"is on the vision side of a {family.Name}, but no rule knows it.");
        var metadata = new Metadata();
        SetGeneral(metadata, "clip", "mmproj", source.Folder, card, options, mapper);
        foreach ((string key, GgufValue value) in vision.Metadata.Entries)
            metadata.Set(key, value);
        string fileName = $"{(family.HasLanguage ? "mmproj-" : "")}{outputName}-{TypeName(mapper, options)}.gguf";
        return new ModelFile(Path.Combine(Path.GetFullPath(options.OutputFolder), fileName), metadata, mapper.Targets);
    }

    private static void SetGeneral(
        Metadata metadata,
        string architecture,
        string kind,
        CheckpointFolder folder,
        ModelCard card,
        ConversionOptions options,
        TensorMapper mapper
    )
    {
        metadata.Set("general.architecture", architecture);
        metadata.Set("general.type", kind);
        metadata.Set("general.name", options.Name ?? card.Name ?? folder.Name);
        metadata.Set(
            "general.size_label",
            ModelCard.SizeLabel(mapper.Targets.Sum(static target => target.Values.RowCount * target.Values.RowLength))
        );
        card.SetKeys(metadata);
        if (mapper.Blocks is null)
            metadata.Set(
                "general.file_type",
                options.Type switch
                {
                    WeightType.F32 => 0,
                    WeightType.F16 => 1,
                    WeightType.Q8_0 => 7,
                    _ => 32,
                }
            );
        metadata.Set("general.quantization_version", QuantizationVersion);
    }

    private static void RequireAllUsed(
        CheckpointFolder folder,
        CheckpointFamily family,
        Dictionary<string, StoredTensor> tensors,
        HashSet<string> used,
        CheckpointWeights weights
    )
    {
        StoredTensor[] unknown = [.. tensors.Where(pair => !used.Contains(pair.Key)).Select(static pair => pair.Value)];
        if (unknown.Length == 0)
            return;
        string names = string.Join(", ", unknown.Take(5).Select(static tensor => CheckpointFolder.Shown(tensor.Name)));
        throw new CheckpointException(
            folder.FullPath,
            $"it is a {family.Name}, and {weights.Tensors.Count - unknown.Length} of its {weights.Tensors.Count} tensors are known; "
                + $"these are not: {names}{(unknown.Length > 5 ? ", ..." : "")}."
        );
    }

    private static string OutputName(CheckpointFolder folder, ConversionOptions options)
    {
        string name = options.Name ?? folder.Name;
        string plain = string.Concat(
                name.Select(static letter => char.IsLetterOrDigit(letter) || letter is '.' or '-' or '_' ? letter : '-')
            )
            .Trim('.', '-');
        return plain.Length > 0 ? plain : "model";
    }

    private static string TypeName(TensorMapper mapper, ConversionOptions options) => mapper.Blocks?.ToString() ?? options.Type.ToString();

    private static GgufTensorType StoredType(WeightType type) =>
        type switch
        {
            WeightType.F32 => GgufTensorType.F32,
            WeightType.BF16 => GgufTensorType.BF16,
            WeightType.Q8_0 => GgufTensorType.Q8_0,
            _ => GgufTensorType.F16,
        };
}
