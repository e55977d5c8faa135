using Spectre.Console;

namespace Tessera.Cli.Output;

/// <summary>Bars on standard error while some work runs, gone when it ends; none where nobody would see them.</summary>
internal static class ProgressBars
{
    // With the longest description, this fits forty columns but for its percentage.
    public const int Width = 20;

    /// <summary>Runs some work beside bars of these columns; without a context where nobody would see them.</summary>
    public static async Task<T> RunAsync<T>(CliConsole console, ProgressColumn[] columns, Func<ProgressContext?, Task<T>> work)
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
        return await screen.Progress().AutoClear(true).HideCompleted(true).Columns(columns).StartAsync(context => work(context));
    }
}
