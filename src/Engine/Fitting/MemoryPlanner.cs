using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Text.Graph;
using Tessera.Text.Llama;
using Tessera.Text.Trial;
using Tessera.Vision.Encoding;

namespace Tessera.Fitting;

/// <summary>Adds up what libllama, the vision tower and the program take.</summary>
internal static class MemoryPlanner
{
    // The runtime, the native libraries and what they keep, measured with the embedded model.
    private const long BareProgramBytes = 60L << 20;

    // What threads work in while they fill and read the tower.
    private const long VisionScratchBytes = 16L << 20;

    public static MemoryPlan Plan(ModelOptions options, PixelSize? picture, CancellationToken cancellationToken)
    {
        using var file = LanguageModelFile.Open(options.ModelPath);
        if (options.Trial is { } trial && !GraphArchitectures.Runs(file.Parts[0]))
            TrialProcess.Check(trial, file.Parts, withRows: options.ProjectorPath is not null, cancellationToken);
        if (options.ProjectorPath is null && Projector.IsInLanguageModel(file.Parts[0]))
            options = options with { ProjectorPath = options.ModelPath };
        return Plan(options, file, picture, cancellationToken);
    }

    /// <summary>Plans a model whose file is open and was tried.</summary>
    public static MemoryPlan Plan(ModelOptions options, LanguageModelFile file, PixelSize? picture, CancellationToken cancellationToken)
    {
        ComputeDevice.RegisterKernels();
        // One that is open already is its owner's.
        using VisionModel? opened =
            options.Vision is not null || options.ProjectorPath is null
                ? null
                : VisionModel.Open(options.ProjectorPath, options.Preprocessing, options.MaxPixels);
        VisionModel? vision = options.Vision ?? opened;
        SlicePlan? slices = picture is { } size ? vision?.Plan(size) : null;
        cancellationToken.ThrowIfCancellationRequested();
        int gpuLayers = GraphArchitectures.Runs(file.Parts[0]) ? 0 : GpuLayers.Choose(options, file.Parts),
            length = options.ContextLength > 0 ? options.ContextLength : ModelOptions.DefaultContextLimit;
        RequireBookkeeping(options, file, Math.Max(length, options.CacheLength));
        int memoryRows = slices?.MemoryRowCount ?? 0;
        LanguageMemory language = PlanLanguage(options, file, gpuLayers, length, memoryRows);
        if (options.ContextLength == 0 && language.TrainedContextLength is > 0 and var trained && trained < length)
            language = PlanLanguage(options, file, gpuLayers, length = trained, memoryRows);
        cancellationToken.ThrowIfCancellationRequested();
        TowerMemory? tower = vision?.Projector.MeasureMemory(new TowerPlace(options.ThreadCount, options.VisionType, options.VisionDevice));
        var plan = new MemoryPlan
        {
            ContextLength = length,
            TrainedContextLength = language.TrainedContextLength,
            CacheType = options.CacheType,
            WeightBytes = file.Parts.SelectMany(static part => part.Tensors).Sum(static tensor => tensor.ByteLength),
            CacheBytes = language.CacheBytes,
            ComputeBytes = language.ComputeBytes.Values.Sum(),
            VisionWeightBytes = tower?.WeightBytes ?? 0,
            VisionComputeBytes = tower?.GraphBytes ?? 0,
            ImageBytes = language.MemoryBytes + (slices is null ? 0 : ImageBytes(vision!, picture!.Value, slices)),
            ProgramBytes = BareProgramBytes + VocabularyBytes(file) + (tower is null ? 0 : VisionScratchBytes),
            Devices = [],
        };
        return plan with { Devices = DeviceShares.Of(plan, language, tower, GpuLayers.ShareOf(file.Parts, gpuLayers)) };
    }

    // libllama plans a context without its values, but not without its table of cells (ggml-org/llama.cpp v0.5.0, src/llama-kv-cells.h).
    private static void RequireBookkeeping(ModelOptions options, LanguageModelFile file, int length)
    {
        const long BytesPerCell = 64;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (BytesPerCell * length > available / 4)
            throw new ContextMemoryException(
                options.ModelPath,
                length,
                (BytesPerCell + GpuLayers.CacheBytesPerToken(file.Parts)) * length,
                available
            );
    }

    private static LanguageMemory PlanLanguage(ModelOptions options, LanguageModelFile file, int gpuLayers, int length, int memoryRows)
    {
        int cacheLength = Math.Max(length, options.CacheLength),
            sequenceCount = Math.Clamp(options.ParallelAnswerCount, 1, 256);
        if (!GraphArchitectures.Runs(file.Parts[0]))
            return LanguageMemoryPlan.Make(
                options.ModelPath,
                gpuLayers,
                ComputeDevice.IsRepackingBest,
                cacheLength,
                sequenceCount,
                options.CacheType
            );
        GraphLanguageMemory memory = GraphLanguageModel.Measure(file.Parts[0], cacheLength, sequenceCount, options.CacheType, memoryRows);
        return new LanguageMemory(memory.CacheBytes, new Dictionary<string, long> { ["CPU"] = memory.ComputeBytes }, memory.TrainedLength)
        {
            MemoryBytes = memory.MemoryBytes,
        };
    }

    // Text and tables of libllama's vocabulary, and of the file's own.
    private static long VocabularyBytes(LanguageModelFile file)
    {
        const int BytesPerToken = 400;
        return file.Parts[0].Metadata.TryGetValue("tokenizer.ggml.tokens", out GgufValue? tokens) ? (long)tokens.Count * BytesPerToken : 0;
    }

    // Decoded, resized, cut and normalised; and the embeddings, which are kept.
    private static long ImageBytes(VisionModel vision, PixelSize size, SlicePlan plan)
    {
        const int Decoded = 3 * 2,
            Normalised = 3 * sizeof(float);
        return (size.Area * Decoded)
            + plan.Slices.Sum(static slice => slice.Size.Area * Normalised)
            + (long)vision.Projector.ValueCount(plan) * sizeof(float) * 2;
    }
}
