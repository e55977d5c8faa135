using System.Runtime.ExceptionServices;
using Tessera.Compute;
using Tessera.Fitting;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;
using Tessera.Text.Scheduling;
using Tessera.Text.Trial;
using Tessera.Vision.Encoding;

namespace Tessera.Answers;

/// <summary>Loads both halves of a model at once, and checks that they fit each other.</summary>
internal static class ModelLoader
{
    public static MultimodalModel Load(ModelOptions options, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        LanguageModelFile? file = null;
        VisionModel? vision = options.Vision;
        ILanguageModel? language = null;
        MappedFiles? mapped = null;
        try
        {
            file = LanguageModelFile.Open(options.ModelPath);
            if (options.ProjectorPath is null && Projector.IsInLanguageModel(file.Parts[0]))
                options = options with { ProjectorPath = options.ModelPath };
            if (options.Trial is { } trial && !GraphArchitectures.Runs(file.Parts[0]))
                TrialProcess.Check(trial, file.Parts, withRows: options.ProjectorPath is not null, cancellationToken);
            vision ??= options.ProjectorPath is null
                ? null
                : VisionModel.Open(options.ProjectorPath, options.Preprocessing, options.MaxPixels);
            ModelPairing.RequireKind(file, vision);
            ComputeDevice.RegisterKernels();
            int wantedLength = options.ContextLength;
            options = RoomCheck.Fit(options with { Vision = vision }, file, cancellationToken);
            bool isShortened = options.ContextLength != wantedLength;
            mapped = options.MapsFiles
                ? MappedFiles.Hold([.. file.Parts.Select(static part => part.Path)], file.ByteLength)
                : MappedFiles.None();
            var choice = new LanguageChoice(options, GpuLayers.Choose(options, file.Parts), mapped.MayStay);
            int positionFactor = PositionFactor(options, file, vision);
            language = LoadWeights(choice, file, vision, progress, cancellationToken);
            language.PositionFactor = positionFactor;
            try
            {
                return new MultimodalModel(options, file, language, vision, mapped) { IsContextShortened = isShortened };
            }
            catch (NativeLibraryException failure) when (choice.MayMove && !language.IsOnProcessor)
            {
                language.Dispose();
                LanguageModel moved = choice.LoadOnProcessor(failure, progress, cancellationToken);
                moved.PlacesRowsFreely = file.PlacesRowsFreely;
                moved.TakesSteps = ComputeDevice.TakesSteps(file.MatrixTypes);
                language = moved;
                language.PositionFactor = positionFactor;
                return new MultimodalModel(options, file, language, vision, mapped) { IsContextShortened = isShortened };
            }
        }
        catch
        {
            language?.Dispose();
            vision?.Dispose();
            mapped?.Dispose();
            file?.Dispose();
            throw;
        }
    }

    // Both halves at once, as neither keeps all processors busy. What fails stops the other.
    private static ILanguageModel LoadWeights(
        LanguageChoice choice,
        LanguageModelFile file,
        VisionModel? vision,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task seeing = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    ModelOptions options = choice.Options;
                    // One that comes with the language model waits for a picture, which there may be none of.
                    if (options.ProjectorPath == options.ModelPath)
                        vision?.Projector.LoadWeightsLater(new TowerPlace(options.ThreadCount, options.VisionType, options.VisionDevice));
                    else
                        vision?.LoadWeights(options.ThreadCount, options.VisionType, progress, options.VisionDevice, stop.Token);
                }
                catch
                {
                    stop.Cancel();
                    throw;
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        ILanguageModel? language = null;
        try
        {
            language = LoadLanguage(choice, file, progress, stop.Token);
            ModelPairing.Require(language, vision);
            seeing.GetAwaiter().GetResult();
            return language;
        }
        catch (Exception failure)
        {
            language?.Dispose();
            stop.Cancel();
            Exception? other = Task.WhenAny(seeing).GetAwaiter().GetResult().Exception?.InnerException;
            if (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested && other is not null)
                ExceptionDispatchInfo.Throw(other);
            throw;
        }
    }

    private static ILanguageModel LoadLanguage(
        LanguageChoice choice,
        LanguageModelFile file,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        if (GraphArchitectures.Runs(file.Parts[0]))
            return GraphLanguageModel.Load(
                file.Parts[0],
                choice.Options.ThreadCount,
                StageProgress.For(progress, EngineStage.LoadModel),
                cancellationToken
            );
        LanguageModel language = choice.Load(progress, cancellationToken);
        language.PlacesRowsFreely = file.PlacesRowsFreely;
        language.TakesSteps = ComputeDevice.TakesSteps(file.MatrixTypes);
        return language;
    }

    // The authors do it for Vicuna only, whose positions rotate as LLaMA's first did.
    private static int PositionFactor(ModelOptions options, LanguageModelFile file, VisionModel? vision)
    {
        const float VicunaBase = 10_000;
        GgufMetadata metadata = file.Parts[0].Metadata;
        bool isVicuna =
            metadata.TryGetString("general.architecture", out string? architecture)
            && architecture == "llama"
            && !metadata.ContainsKey("llama.rope.scaling.type")
            && (!metadata.TryGetSingle("llama.rope.freq_base", out float frequency) || frequency == VicunaBase);
        return isVicuna && vision is not null ? vision.Projector.PositionFactor(options.VideoFrameCount) : 1;
    }

    private static int ContextLengthFor(ModelOptions options, ILanguageModel language)
    {
        if (options.ContextLength > 0)
            return options.ContextLength;
        int trained = language.TrainedContextLength;
        if (language.PositionFactor > 1)
            return trained * language.PositionFactor;
        return trained > 0 ? Math.Min(trained, ModelOptions.DefaultContextLimit) : ModelOptions.DefaultContextLimit;
    }

    /// <summary>How much there may be of what.</summary>
    public static SchedulerLimits LimitsOf(ModelOptions options, ILanguageModel language)
    {
        int length = ContextLengthFor(options, language);
        return new SchedulerLimits(
            length,
            Math.Max(length, options.CacheLength),
            Math.Clamp(options.ParallelAnswerCount, 1, 256),
            Math.Max(0, options.WaitingAnswerLimit),
            options.ThreadCount
        )
        {
            CacheType = options.CacheType,
        };
    }

    /// <summary>Where embeddings are kept, or null.</summary>
    public static EmbeddingFolder? FolderOf(ModelOptions options) =>
        options.ImageCacheFolder is null ? null : new EmbeddingFolder(options.ImageCacheFolder, options.ImageCacheFolderBytes);
}
