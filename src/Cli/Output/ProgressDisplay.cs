using Spectre.Console;

namespace Tessera.Cli.Output;

/// <summary>Shows how far the engine is, as a bar on standard error, while some work runs. Shows nothing when nobody would see
/// it.</summary>
internal static class ProgressDisplay
{
    // With the longest description, this fits forty columns but for its percentage.
    private const int BarWidth = 20;

    public static async Task<T> RunAsync<T>(CliConsole console, Func<IProgress<EngineProgress>?, Task<T>> work)
    {
        if (!console.ShowsProgress)
            return await work(null);
        IAnsiConsole screen = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(console.Error),
                Ansi = AnsiSupport.Yes,
                Interactive = InteractionSupport.Yes,
            }
        );
        return await screen
            .Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(
                new SpinnerColumn(Spinner.Known.Line),
                new TaskDescriptionColumn(),
                new ProgressBarColumn { Width = BarWidth },
                new PercentageColumn()
            )
            .StartAsync(context => work(new Bars(context)));
    }

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
