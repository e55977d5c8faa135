namespace Tessera.Cli.Output;

/// <summary>What a model does otherwise than it was asked to, said on standard error, once.</summary>
internal static class ModelNotes
{
    /// <summary>Says what loading has made of the options.</summary>
    public static void NoteLoaded(this CliConsole console, MultimodalModel model, ModelOptions options)
    {
        if (model.IsContextShortened)
            console.SayOnce(
                $"short {model.Path}",
                $"{model.Path}: memory is short, so the context has {model.ContextLength} tokens; 'tessera fit' tells more."
            );
        if (options.ContextLength > 0 && model.TrainedContextLength is > 0 and var trained && options.ContextLength > trained)
            console.SayOnce(
                $"trained {model.Path}",
                $"{model.Path}: it was trained with {trained} tokens of context, so what it says beyond them means little (--context "
                    + $"{options.ContextLength})."
            );
        if (options.GpuLayerCount > 0 && Devices.List().All(static device => device.Kind != DeviceKind.Gpu))
            console.SayOnce(
                "--gpu-layers",
                $"--gpu-layers {options.GpuLayerCount}: no GPU is found, so the CPU computes all of it; 'tessera devices' lists what there is."
            );
    }

    /// <summary>Says what an answer leaves behind that was not asked for.</summary>
    public static void NoteAnswered(this CliConsole console, MultimodalModel model, ModelOptions options)
    {
        if (model.ImageCacheFailure is { } failure)
            console.SayOnce(
                "--image-cache",
                $"--image-cache: encoded pictures cannot be kept in {options.ImageCacheFolder} ({failure.Message.TrimEnd('.')})."
            );
    }

    /// <summary>Why an answer was cut, and what would help.</summary>
    /// <param name="result">The answer.</param>
    /// <param name="options">How it was generated.</param>
    /// <param name="remedy">What lets answers be longer.</param>
    public static string Cut(GenerationResult result, GenerationOptions options, string remedy) =>
        $"The answer was cut after {result.TokenIds.Count} {(result.TokenIds.Count == 1 ? "token" : "tokens")}: "
        + (result.TokenIds.Count >= options.MaxTokens ? $"{remedy}." : "the context is full.");
}
