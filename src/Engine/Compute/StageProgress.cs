namespace Tessera.Compute;

/// <summary>Reports the fraction of one stage as engine progress, on the thread that makes it.</summary>
internal sealed class StageProgress(IProgress<EngineProgress> target, EngineStage stage) : IProgress<double>
{
    public static IProgress<double>? For(IProgress<EngineProgress>? target, EngineStage stage) =>
        target is null ? null : new StageProgress(target, stage);

    public void Report(double value) => target.Report(new EngineProgress(stage, value));
}
