using Tessera.Compute;

namespace Tessera.Text.Llama;

/// <summary>How a language model is loaded.</summary>
/// <param name="Options">What the user says.</param>
/// <param name="GpuLayerCount">Layers on GPUs, as <see cref="GpuLayers.Choose"/> has it.</param>
/// <param name="IsMapped">Whether its files stay mapped.</param>
internal sealed record LanguageChoice(ModelOptions Options, int GpuLayerCount, bool IsMapped)
{
    /// <summary>Whether layers were placed on GPUs without anyone asking for their number.</summary>
    public bool MayMove => Options.GpuLayerCount < 0 && GpuLayerCount != 0;

    /// <summary>Loads it; on the CPU where its layers may move, and the GPU fails.</summary>
    public LanguageModel Load(IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            return Load(GpuLayerCount, progress, cancellationToken);
        }
        catch (TesseraException failure) when (MayMove)
        {
            return LoadOnProcessor(failure, progress, cancellationToken);
        }
    }

    /// <summary>Loads it on the CPU, and tells the log why.</summary>
    public LanguageModel LoadOnProcessor(Exception failure, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        GpuTasks.Warn($"{failure.Message} The language model runs on the CPU instead.");
        return Load(0, progress, cancellationToken);
    }

    private LanguageModel Load(int gpuLayerCount, IProgress<EngineProgress>? progress, CancellationToken cancellationToken) =>
        LanguageModel.Load(
            Options.ModelPath,
            gpuLayerCount,
            StageProgress.For(progress, EngineStage.LoadModel),
            cancellationToken,
            ComputeDevice.IsRepackingBest,
            IsMapped
        );
}
