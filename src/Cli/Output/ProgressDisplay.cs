using Spectre.Console;

namespace Tessera.Cli.Output;

/// <summary>Shows how far the engine is, as a bar on standard error, while some work runs. Shows nothing when nobody would see
/// it.</summary>
internal static class ProgressDisplay
{
    public static Task<T> RunAsync<T>(CliConsole console, Func<IProgress<EngineProgress>?, Task<T>> work) =>
        ProgressBars.RunAsync(
            console,
            [
                new SpinnerColumn(Spinner.Known.Line),
                new TaskDescriptionColumn(),
                new ProgressBarColumn { Width = ProgressBars.Width },
                new PercentageColumn(),
            ],
            context => work(context is null ? null : new Bars(context))
        );

    private static string Describe(EngineStage stage) =>
        stage switch
        {
            EngineStage.LoadModel => "Loading the language model",
            EngineStage.LoadProjector => "Loading the vision projector",
            EngineStage.Encode => "Encoding the picture",
            _ => "Reading the prompt",
        };

    private sealed class Bars(ProgressContext context) : IProgress<EngineProgress>
    {
        private readonly Dictionary<EngineStage, ProgressTask> tasks = [];

        public void Report(EngineProgress value)
        {
            lock (tasks)
            {
                if (!tasks.TryGetValue(value.Stage, out ProgressTask? task))
                    tasks.Add(value.Stage, task = context.AddTask(Describe(value.Stage)));
                task.Value = value.Fraction * 100;
            }
        }
    }
}
