using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tessera.Cli.Output;

namespace Tessera.Cli.Annotate;

/// <summary>How many pictures of how many are done, as a bar with rate and time left on standard error, where somebody would see
/// it.</summary>
internal sealed class AnnotateDisplay
{
    private readonly ProgressTask? task;
    private long done,
        total = -1;

    private AnnotateDisplay(ProgressTask? task) => this.task = task;

    /// <summary>Runs some work beside the bar.</summary>
    public static Task<T> RunAsync<T>(CliConsole console, Func<AnnotateDisplay, Task<T>> work) =>
        ProgressBars.RunAsync(
            console,
            [
                new TaskDescriptionColumn(),
                new ProgressBarColumn { Width = ProgressBars.Width },
                new RateColumn(),
                new RemainingTimeColumn(),
            ],
            context => work(new AnnotateDisplay(context?.AddTask("Annotating", maxValue: 1)))
        );

    /// <summary>One more picture is done.</summary>
    public void Advance()
    {
        done++;
        Show();
    }

    /// <summary>How many there are; negative while nobody knows.</summary>
    public void SetTotal(long count)
    {
        total = count;
        Show();
    }

    private void Show()
    {
        if (task is null)
            return;
        task.Description = total >= 0 ? $"{done} of {total} pictures" : $"{done} pictures";
        task.IsIndeterminate = total < 0;
        task.MaxValue = Math.Max(1, total);
        task.Value = done;
    }

    private sealed class RateColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(task.Speed is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0}/s") : "?/s");
    }
}
