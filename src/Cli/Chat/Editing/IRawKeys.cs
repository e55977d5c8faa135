namespace Tessera.Cli.Chat.Editing;

/// <summary>Keys as .NET hands them over.</summary>
internal interface IRawKeys
{
    bool IsAvailable { get; }

    /// <summary>Whether Ctrl+C is a key; if not, it is a signal.</summary>
    bool TakesInterrupts { set; }

    ConsoleKeyInfo Read();

    /// <summary>Waits until a key is there; false if none comes in time.</summary>
    bool Wait(TimeSpan patience);
}

/// <summary>The keys of <see cref="Console"/>.</summary>
internal sealed class RawConsoleKeys : IRawKeys
{
    private static readonly TimeSpan PollPause = TimeSpan.FromMilliseconds(5);

    public bool IsAvailable => Console.KeyAvailable;

    public bool TakesInterrupts
    {
        set => Console.TreatControlCAsInput = value;
    }

    public ConsoleKeyInfo Read() => Console.ReadKey(intercept: true);

    public bool Wait(TimeSpan patience)
    {
        for (TimeSpan waited = TimeSpan.Zero; waited < patience; waited += PollPause)
        {
            if (IsAvailable)
                return true;
            Thread.Sleep(PollPause);
        }

        return IsAvailable;
    }
}
