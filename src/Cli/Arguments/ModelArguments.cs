using System.CommandLine;
using System.CommandLine.Completions;
using Tessera.Cli.Output;

namespace Tessera.Cli.Arguments;

/// <summary>The options that choose a model and where it runs.</summary>
internal sealed class ModelArguments(CliConsole console)
{
    // GGML_MAX_N_THREADS of ggml 0.25.1 (ggml/include/ggml.h), which asserts that there are no more.
    private const int MaxThreads = 512;

    private readonly Option<string?> model = new("--model", "-m")
    {
        CompletionSources = { static _ => Names() },
        Description =
            "A GGUF file or a catalogue name; without it, what TESSERA_MODEL or config.json says, or else the small model of Tessera's.",
        HelpName = "MODEL",
    };
    private readonly Option<string?> projector = new("--mmproj")
    {
        Description = "The vision projector's GGUF file; found beside the model if there is just one.",
        HelpName = "FILE",
    };
    private readonly Option<int?> threads = OptionValues.OptionalNumber(
        "--threads",
        "CPU threads; without it, as many as pay: few for small work and beside busy programs.",
        1,
        MaxThreads
    );
    private readonly Option<int?> context = OptionValues.OptionalNumber(
        "--context",
        "Tokens of context; without it, as many as the model was trained with, at most 8192.",
        16,
        int.MaxValue
    );
    private readonly Option<CacheType> cacheType = OptionValues.Choice<CacheType>(
        "--cache-type",
        "How the KV cache stores its values: Q8_0 takes a little more than half the memory."
    );
    private readonly Option<string?> imageCache = new("--image-cache")
    {
        Description = "A folder to keep encoded pictures in, so that the next run need not encode them.",
        HelpName = "FOLDER",
    };
    private readonly Option<int?> gpuLayers = OptionValues.OptionalNumber(
        "--gpu-layers",
        "Layers of the language model on the GPU; without it or with -1, all that fit.",
        -1,
        int.MaxValue
    );
    private readonly Option<Preprocessing> preprocess = OptionValues.Choice<Preprocessing>(
        "--preprocess",
        "Whose preprocessing to follow where the authors' and Hugging Face's differ."
    );
    private readonly Option<VisionType> visionType = OptionValues.Choice<VisionType>(
        "--vision-type",
        "Type of the vision tower's matrices in memory: the file's, what is fastest at a small loss, or Q8_0."
    );
    private readonly Option<string?> visionDevice = new("--vision-device")
    {
        Description =
            "Where the vision tower runs, as 'tessera devices' names it; without it, the first GPU that has the memory, and else the CPU.",
        HelpName = "NAME",
    };
    private readonly Option<long> maxPixels = OptionValues.Number(
        "--max-pixels",
        "Refuse pictures with more pixels.",
        "N",
        ModelOptions.DefaultMaxPixels,
        1,
        long.MaxValue
    );
    private readonly Option<int?> maxSlices = OptionValues.OptionalNumber(
        "--max-slices",
        "The most slices of a picture, the overview included.",
        1,
        int.MaxValue
    );
    private readonly Option<int?> maxImageTokens = OptionValues.OptionalNumber(
        "--max-image-tokens",
        "The most tokens that a picture may become.",
        1,
        int.MaxValue
    );

    private readonly Option<string?> chatTemplate = new("--chat-template")
    {
        Description = "A file with a chat template (Jinja), in the place of the model's own.",
        HelpName = "FILE",
    };
    private readonly Option<bool> allowLocalUrls = new("--allow-local-urls")
    {
        Description = "Let a picture's address be redirected into this machine's own network.",
    };

    /// <summary>Adds the options of a command that runs the language model.</summary>
    public void AddTo(Command command)
    {
        AddEncodingTo(command);
        command.Add(context);
        command.Add(cacheType);
        command.Add(gpuLayers);
        command.Add(imageCache);
        command.Add(chatTemplate);
    }

    /// <summary>Adds the options of a command that runs the vision half only.</summary>
    public void AddEncodingTo(Command command)
    {
        AddVisionTo(command);
        command.Add(visionType);
        command.Add(visionDevice);
        command.Add(threads);
    }

    /// <summary>Adds the options of a command that plans and prepares pictures.</summary>
    public void AddVisionTo(Command command)
    {
        command.Add(model);
        command.Add(projector);
        command.Add(preprocess);
        command.Add(maxPixels);
        command.Add(maxSlices);
        command.Add(maxImageTokens);
        command.Add(allowLocalUrls);
    }

    /// <summary>Adds the options of a command that runs several models, which it names itself.</summary>
    public void AddServingTo(Command command)
    {
        foreach (
            Option option in (Option[])[preprocess, maxPixels, visionType, visionDevice, threads, context, cacheType, gpuLayers, imageCache]
        )
            command.Add(option);
    }

    /// <summary>Whether the command line names a model.</summary>
    public bool IsNamed(ParseResult parsed) => parsed.GetValue(model) is not null || parsed.GetValue(projector) is not null;

    /// <summary>Whether a picture's address may be redirected into this machine's network.</summary>
    public bool AllowsLocal(ParseResult parsed) => parsed.GetValue(allowLocalUrls);

    public VisionType VisionType(ParseResult parsed) => parsed.GetValue(visionType);

    public string? VisionDevice(ParseResult parsed) => parsed.GetValue(visionDevice);

    public int ThreadCount(ParseResult parsed) => parsed.GetValue(threads) ?? 0;

    /// <summary>The limits on slices and tokens.</summary>
    public PlanRequest Limits(ParseResult parsed) =>
        new() { MaxSlices = parsed.GetValue(maxSlices), MaxImageTokens = parsed.GetValue(maxImageTokens) };

    /// <exception cref="TesseraException">The model's name is not known.</exception>
    public ModelOptions ToOptions(ParseResult parsed, bool needsVision)
    {
        (string modelPath, string? projectorPath) = ModelCatalog.Resolve(parsed.GetValue(model), parsed.GetValue(projector), needsVision);
        NativeAbort.Blame(console, projectorPath is null ? modelPath : $"{modelPath} or {projectorPath}");
        ModelTrial? trial = ModelCatalog.ComesWithTessera(modelPath) ? null : console.Trial;
        return Apply(
            parsed,
            new ModelOptions
            {
                ModelPath = modelPath,
                ProjectorPath = projectorPath,
                Trial = trial,
            }
        );
    }

    /// <summary>The files with everything else that the options say.</summary>
    public ModelOptions Apply(ParseResult parsed, ModelOptions files) =>
        files with
        {
            ContextLength = parsed.GetValue(context) ?? 0,
            CacheType = parsed.GetValue(cacheType),
            ThreadCount = ThreadCount(parsed),
            GpuLayerCount = parsed.GetValue(gpuLayers) ?? -1,
            Preprocessing = parsed.GetValue(preprocess),
            VisionType = VisionType(parsed),
            VisionDevice = VisionDevice(parsed),
            MaxPixels = parsed.GetValue(maxPixels),
            ImageCacheFolder = ImageCacheFolder(parsed),
            ChatTemplate = parsed.GetValue(chatTemplate) is { } file ? OptionFile.Read(file, chatTemplate.Name) : null,
        };

    // The engine takes a folder that fails for an empty one; who names a folder wants to know.
    private string? ImageCacheFolder(ParseResult parsed)
    {
        if (parsed.GetValue(imageCache) is not { } folder)
            return null;
        try
        {
            return Directory.CreateDirectory(folder).FullName;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new TesseraException($"--image-cache: {folder} is no folder that can be used ({failure.Message}).", failure);
        }
    }

    // For a shell that completes a line, whatever the catalogue is like.
    private static IEnumerable<CompletionItem> Names()
    {
        try
        {
            return
            [
                .. ModelCatalog
                    .Entries()
                    .Select(static entry => entry.Name)
                    .Concat(ModelCatalog.Pulled().Select(static model => model.Name))
                    .Distinct()
                    .Select(static name => new CompletionItem(name)),
            ];
        }
        catch (TesseraException)
        {
            return [];
        }
    }

    /// <summary>Refuses a projector where a language model belongs.</summary>
    /// <exception cref="ModelFileException">It is one, or cannot be read.</exception>
    public static void RequireLanguageModel(string path)
    {
        string? architecture = ModelFileReport
            .Read(path)
            .Metadata.FirstOrDefault(static entry => entry.Key == "general.architecture")
            ?.Text;
        if (architecture == "clip")
            throw new ModelFileRoleException(path, architecture, isProjector: true);
    }

    /// <summary>Opens a file that matches texts and pictures: it is the model's own, or the projector beside it.</summary>
    /// <exception cref="TesseraException">There is none, or it cannot be used.</exception>
    public VisionModel OpenMatching(ParseResult parsed)
    {
        if (parsed.GetValue(projector) is not null || parsed.GetValue(model) is not { } path || !File.Exists(path))
            return OpenVision(parsed);
        string? architecture = ModelFileReport
            .Read(path)
            .Metadata.FirstOrDefault(static entry => entry.Key == "general.architecture")
            ?.Text;
        if (architecture != "clip")
            return OpenVision(parsed);
        NativeAbort.Blame(console, path);
        return VisionModel.Open(path, parsed.GetValue(preprocess), parsed.GetValue(maxPixels));
    }

    /// <summary>Opens the projector; <c>--mmproj</c> is enough, the language model is not read.</summary>
    /// <exception cref="TesseraException">There is no projector, or it cannot be used.</exception>
    public VisionModel OpenVision(ParseResult parsed)
    {
        string path =
            parsed.GetValue(projector)
            ?? ModelCatalog.Resolve(parsed.GetValue(model), null, needsVision: true).ProjectorPath
            ?? throw new TesseraException($"{parsed.GetValue(model)}: there is no vision projector beside it: give one with --mmproj.");
        NativeAbort.Blame(console, path);
        return VisionModel.Open(path, parsed.GetValue(preprocess), parsed.GetValue(maxPixels));
    }
}
