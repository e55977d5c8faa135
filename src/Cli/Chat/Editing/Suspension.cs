using System.Runtime.InteropServices;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Ctrl+Z: stops the process until the shell lets it go on, where the system knows that.</summary>
internal static partial class Suspension
{
    // SIGTSTP of Linux and of macOS.
    private const int StopOfLinux = 20;
    private const int StopOfMac = 18;

    // A signal to the whole process may take a moment.
    private static readonly TimeSpan Delivery = TimeSpan.FromMilliseconds(50);

    /// <summary>Whether there is such a thing here.</summary>
    public static bool IsThere => !OperatingSystem.IsWindows();

    /// <summary>Stops; returns when the process goes on. Without a shell that could let it go on, nothing happens.</summary>
    public static void Stop()
    {
        // As the terminal does: all programs of the job.
        _ = Kill(0, OperatingSystem.IsMacOS() ? StopOfMac : StopOfLinux);
        Thread.Sleep(Delivery);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
