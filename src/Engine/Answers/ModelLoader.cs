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
    private static readonly string[] WithVisionWeights = ["cogvlm", "mplug_owl2"];

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
            CheckKind(file, vision);
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
            CheckPair(language, vision);
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

    // Before gigabytes are read. An encoder's prompt is not what a projector for others was trained with, nor are weights that read
    // pictures alone.
    private static void CheckKind(LanguageModelFile file, VisionModel? vision)
    {
        const string WithEncoder = "t5";
        if (vision is null)
            return;
        string path = file.Parts[0].Path,
            architecture = file.Parts[0].Metadata.RequireString("general.architecture");
        IReadOnlyList<string>? languages = vision.Projector.Languages;
        if (languages?.Contains(architecture) ?? (architecture != WithEncoder && !WithVisionWeights.Contains(architecture)))
        {
            CheckIsFor(vision, file.Parts[0], architecture);
            return;
        }

        if (languages is [])
            throw new ModelFileException(
                vision.Path,
                $"it tells how well texts match pictures ({vision.Family}), and no language model belongs to it."
            );
        throw new ModelFileException(
            vision.Path,
            languages is null
                ? $"it is a projector of {vision.Family}, which was made for language models without "
                    + (architecture == WithEncoder ? "an encoder" : "weights of their own for pictures")
                    + $", but {path} is of the architecture {architecture}: the two files do not belong together."
                : $"it was made for a language model of the architecture {string.Join(" or ", languages)}, but {path} is of "
                    + $"{architecture}: the two files do not belong together."
        );
    }

    private static void CheckIsFor(VisionModel vision, GgufFile language, string architecture)
    {
        if (!vision.Projector.IsFor(language))
            throw new ModelFileException(
                vision.Path,
                $"it was made for another language model of the architecture {architecture} than {language.Path}: the two files do not "
                    + "belong together."
            );
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

    private static void CheckPair(ILanguageModel language, VisionModel? vision)
    {
        if (vision is { Projector.MemoryWidth: > 0 } && language.Memory is null)
            throw new ModelFileException(
                vision.Path,
                $"its pictures are seen by cross-attention layers, which {language.Path} has not: the two files do not belong together."
            );
        if (vision is { Projector.MemoryWidth: var width } && language.Memory is { } memory && width != memory.Width)
            throw new ModelFileException(
                vision.Path,
                width == 0
                    ? $"its pictures are rows of the prompt, but {language.Path} looks at them with cross-attention layers: the two files "
                        + "do not belong together."
                    : $"its memory is {width} wide, but {language.Path} looks at one that is {memory.Width} wide: the two files do not "
                        + "belong together."
            );
        if (vision is { Projector.RowsSharePositions: true } && !language.PlacesRowsFreely)
            throw new ModelFileException(
                language.Path,
                $"its rows stand one after another, but several of {vision.Family}'s share a position: a language model converted together "
                    + "with the projector can do that."
            );
        if (vision is { Projector: { RowsArePlacedAsText: false, RowsSharePositions: false } } && language.HasSeveralAxes)
            throw new ModelFileException(
                language.Path,
                $"its positions have several axes (M-RoPE), which {vision.Family} was not made for: load it without a projector."
            );
        if (vision is not null && vision.Projector.BesideWidth != language.BesideWidth)
            throw new ModelFileException(
                vision.Path,
                $"it brings {vision.Projector.BesideWidth} numbers beside each embedding of a picture, but {language.Path} looks at "
                    + $"{language.BesideWidth}: the two files do not belong together."
            );
        if (vision is not null && vision.EmbeddingWidth != language.EmbeddingWidth)
            throw new ModelFileException(
                vision.Path,
                $"its embeddings are {vision.EmbeddingWidth} wide, but those of {language.Path} are {language.EmbeddingWidth}: the two "
                    + "files do not belong together."
            );
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
