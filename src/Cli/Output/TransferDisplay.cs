using Spectre.Console;

namespace Tessera.Cli.Output;

/// <summary>Shows bytes that are fetched or written as a bar with rate and time left, on standard error, where somebody would see
/// it.</summary>
internal static class TransferDisplay
{
    /// <summary>Runs some work that tells what it does, how far it is and how far it will be.</summary>
    public static Task<T> RunAsync<T>(CliConsole console, Func<Action<string, long, long>?, Task<T>> work) =>
        ProgressBars.RunAsync(
            console,
            [
                new TaskDescriptionColumn(),
                new ProgressBarColumn { Width = ProgressBars.Width },
                new PercentageColumn(),
                new TransferSpeedColumn(),
                new RemainingTimeColumn(),
            ],
            context => work(context is null ? null : new Bars(context).Tell)
        );

    private sealed class Bars(ProgressContext context)
    {
        private readonly Dictionary<string, ProgressTask> tasks = new(StringComparer.Ordinal);

        public void Tell(string what, long done, long total)
        {
            lock (tasks)
            {
                if (!tasks.TryGetValue(what, out ProgressTask? task))
                    tasks.Add(what, task = context.AddTask(Markup.Escape(what)));
                task.IsIndeterminate = total <= 0;
                task.MaxValue = Math.Max(1, total);
                task.Value = done;
            }
        }
    }
}

/// <summary>Hands progress on, on the thread that makes it.</summary>
internal sealed class Relay<T>(Action<T> told) : IProgress<T>
{
    public void Report(T value) => told(value);
}

/// <summary>Bytes as people read them.</summary>
internal static class ByteText
{
    public static string Of(long bytes) =>
        bytes < 1_000_000 ? FormattableString.Invariant($"{bytes / 1e3:F1} kB")
        : bytes < 1_000_000_000 ? FormattableString.Invariant($"{bytes / 1e6:F1} MB")
        : FormattableString.Invariant($"{bytes / 1e9:F2} GB");
}
