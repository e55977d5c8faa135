using Tessera.Compute;
using Tessera.Text.Llama;

namespace Tessera.Fitting;

/// <summary>Refuses a model that this machine's memory cannot hold before it is loaded, or gives it a shorter context.</summary>
internal static class RoomCheck
{
    // Below this a conversation about one picture has no room.
    private const int ShortestContext = 1024;
    private const long GraphBytes = 1L << 30;

    /// <summary>The options to load with: those given, or with the largest context that fits where they leave it open.</summary>
    /// <exception cref="NotEnoughMemoryException">It does not fit.</exception>
    public static ModelOptions Fit(ModelOptions options, LanguageModelFile file, CancellationToken cancellationToken)
    {
        if (IsSmall(options, file))
            return options;
        MemoryPlan plan = MemoryPlanner.Plan(options, file, picture: null, cancellationToken);
        if (plan.Fits)
            return options;
        int largest = plan.LargestContextLength;
        return options.ContextLength == 0 && largest >= ShortestContext
            ? options with
            {
                ContextLength = largest,
                CacheLength = 0,
            }
            : throw new NotEnoughMemoryException(options.ModelPath, plan);
    }

    // Planning takes as long as reading the vocabulary: not for what fits twice at first sight.
    private static bool IsSmall(ModelOptions options, LanguageModelFile file)
    {
        int length = Math.Max(options.CacheLength, options.ContextLength > 0 ? options.ContextLength : ModelOptions.DefaultContextLimit);
        long tower = options.ProjectorPath is null ? 0 : new FileInfo(options.ProjectorPath).Length;
        double needed = file.ByteLength + (2.0 * tower) + GraphBytes + ((double)GpuLayers.CacheBytesPerToken(file.Parts) * length);
        return needed < MachineMemory.Usable() / 2.0;
    }
}
