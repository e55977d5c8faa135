using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Chat;

/// <summary>
/// What Ctrl+C does: stops the answer that is being generated; a second one within a second, or while what the first one stopped goes on
/// all the same, or one while nothing runs, leaves. Leaving takes no longer than a second, whatever native code does.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    private static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLeave = TimeSpan.FromMilliseconds(500);
    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly CancellationTokenSource leaving;
    private readonly CliConsole? console;
    private CancellationTokenSource? running;
    private long? lastPress;

    private Interrupts(TimeProvider clock, CliConsole? console, CancellationToken cancellationToken)
    {
        this.clock = clock;
        this.console = console;
        leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (console is not null)
            console.TakesInterrupt = Press;
    }

    /// <summary>Cancelled when the user leaves.</summary>
    public CancellationToken Leaving => leaving.Token;

    /// <summary>Listens to the process's interrupt signal.</summary>
    public static Interrupts Listen(CliConsole console, CancellationToken cancellationToken) =>
        new(TimeProvider.System, console, cancellationToken);

    /// <summary>Listens to nothing; <see cref="Press"/> stands for the signal.</summary>
    public static Interrupts Without(TimeProvider clock) => new(clock, null, CancellationToken.None);

    /// <summary>Runs work that Ctrl+C stops; inside other such work, it stops the inner one.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public async Task RunAsync(Func<CancellationToken, Task> work)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(leaving.Token);
        CancellationTokenSource? outer;
        lock (gate)
            (outer, running) = (running, stop);
        try
        {
            await work(stop.Token);
        }
        finally
        {
            lock (gate)
                running = outer;
        }
    }

    /// <summary>Ctrl+C as a signal; false if the chat is being left already.</summary>
    public bool Press()
    {
        lock (gate)
        {
            if (leaving.IsCancellationRequested)
                return false;
            if (running is { IsCancellationRequested: false } && !IsRecent)
            {
                running.Cancel();
            }
            else
            {
                if (console is not null)
                    ProcessEnd.After(LongestLeave, console, ExitCode.Interrupted);
                leaving.Cancel();
            }

            lastPress = clock.GetTimestamp();
            return true;
        }
    }

    /// <summary>Whether Ctrl+C stopped an answer within the last second, so that another one at the prompt leaves.</summary>
    public bool IsRecent
    {
        get
        {
            lock (gate)
                return lastPress is { } last && clock.GetElapsedTime(last) <= LeaveWithin;
        }
    }

    public void Dispose()
    {
        if (console is not null)
            console.TakesInterrupt = null;
        leaving.Dispose();
    }
}
