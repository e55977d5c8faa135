using System.CommandLine;

namespace Tessera.Cli;

/// <summary>The options that choose a model and where it runs.</summary>
internal sealed class ModelArguments
{
    private readonly Option<string?> model = new("--model", "-m") { Description = "A GGUF file or a catalogue name; without it, the small model that comes with Tessera.", HelpName = "MODEL" };
    private readonly Option<string?> projector = new("--mmproj") { Description = "The vision projector's GGUF file; found beside the model if there is just one.", HelpName = "FILE" };
    private readonly Option<int> threads = new("--threads") { Description = "CPU threads; without it, one for each processor.", HelpName = "N" };
    private readonly Option<int> context = new("--context") { Description = "Tokens of context; without it, as many as the model was trained with, at most 8192.", HelpName = "N" };
    private readonly Option<int> gpuLayers = new("--gpu-layers") { Description = "Layers of the language model on the GPU; without it, all that fit.", HelpName = "N", DefaultValueFactory = static _ => -1 };
    private readonly Option<Preprocessing> preprocess = new("--preprocess") { Description = "Whose preprocessing to follow where the authors' and Hugging Face's differ." };
    private readonly Option<long> maxPixels = new("--max-pixels") { Description = "Refuse pictures with more pixels.", HelpName = "N", DefaultValueFactory = static _ => ModelOptions.DefaultMaxPixels };

    private readonly Option<int?> maxSlices = new("--max-slices") { Description = "The most slices of a picture, the overview included.", HelpName = "N" };
    private readonly Option<int?> maxImageTokens = new("--max-image-tokens") { Description = "The most tokens that a picture may become.", HelpName = "N" };

    public ModelArguments()
    {
        RequirePositive(maxSlices);
        RequirePositive(maxImageTokens);
        RequireAtLeast(threads, 1);
        RequireAtLeast(context, 16);
        RequireAtLeast(maxPixels, 1);
    }

    /// <summary>Adds the options of a command that runs the language model.</summary>
    public void AddTo(Command command)
    {
        AddVisionTo(command);
        command.Add(context);
        command.Add(gpuLayers);
    }

    /// <summary>Adds the options of a command that needs the vision half only.</summary>
    public void AddVisionTo(Command command)
    {
        command.Add(model);
        command.Add(projector);
        command.Add(preprocess);
        command.Add(maxPixels);
        command.Add(maxSlices);
        command.Add(maxImageTokens);
        command.Add(threads);
    }

    public int ThreadCount(ParseResult parsed) => parsed.GetValue(threads);

    /// <summary>The limits on slices and tokens.</summary>
    public PlanRequest Limits(ParseResult parsed) => new() { MaxSlices = parsed.GetValue(maxSlices), MaxImageTokens = parsed.GetValue(maxImageTokens) };

    /// <exception cref="TesseraException">The model's name is not known.</exception>
    public ModelOptions ToOptions(ParseResult parsed, bool needsVision)
    {
        (string modelPath, string? projectorPath) = ModelCatalog.Resolve(parsed.GetValue(model), parsed.GetValue(projector), needsVision);
        return new ModelOptions
        {
            ModelPath = modelPath,
            ProjectorPath = projectorPath,
            ContextLength = parsed.GetValue(context),
            ThreadCount = parsed.GetValue(threads),
            GpuLayerCount = parsed.GetValue(gpuLayers),
            Preprocessing = parsed.GetValue(preprocess),
            MaxPixels = parsed.GetValue(maxPixels),
        };
    }

    /// <summary>Opens the projector; <c>--mmproj</c> is enough, the language model is not read.</summary>
    /// <exception cref="TesseraException">There is no projector, or it cannot be used.</exception>
    public VisionModel OpenVision(ParseResult parsed)
    {
        string path = parsed.GetValue(projector)
            ?? ModelCatalog.Resolve(parsed.GetValue(model), null, needsVision: true).ProjectorPath
            ?? throw new TesseraException($"{parsed.GetValue(model)}: there is no vision projector beside it: give one with --mmproj.");
        return VisionModel.Open(path, parsed.GetValue(preprocess), parsed.GetValue(maxPixels));
    }

    private static void RequirePositive(Option<int?> option) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && result.GetValueOrDefault<int?>() < 1) result.AddError($"{option.Name} must be at least 1.");
    });

    private static void RequireAtLeast<T>(Option<T> option, T least) where T : IComparable<T> => option.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && result.GetValueOrDefault<T>()!.CompareTo(least) < 0) result.AddError($"{option.Name} must be at least {least}.");
    });
}
