using System.Runtime.InteropServices;

namespace Tessera.Cli.Output;

/// <summary>Ends the process when the user will not wait: native code that is stuck cannot be asked to stop.</summary>
internal static partial class ProcessEnd
{
    // Threads that put the terminal right and flush need less; a second in all is what a user waits.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(400);

    /// <summary>Ends the process at once, in order if that works.</summary>
    /// <param name="console">Whose cursor is shown again.</param>
    /// <param name="exitCode">The exit code.</param>
    public static void Now(CliConsole console, int exitCode)
    {
        // Whatever handlers wait for, the process is gone then.
        Start(() =>
        {
            Thread.Sleep(Patience);
            Terminate(exitCode);
        });
        console.RestoreCursor();
        Environment.Exit(exitCode);
    }

    /// <summary>Ends the process if it has not ended by itself after a while.</summary>
    public static void After(TimeSpan time, CliConsole console, int exitCode) =>
        Start(() =>
        {
            Thread.Sleep(time);
            Now(console, exitCode);
        });

    // A thread of its own: those of the pool may all be stuck.
    private static void Start(ThreadStart work) => new Thread(work) { IsBackground = true, Name = "Tessera end" }.Start();

    // Without anything that is registered for the end, which is where a process can hang.
    private static void Terminate(int exitCode)
    {
        if (OperatingSystem.IsWindows())
            TerminateProcess(-1, (uint)exitCode);
        else
            ExitNow(exitCode);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int status);

    // -1 is the handle of the process itself.
    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool TerminateProcess(nint process, uint exitCode);
}
