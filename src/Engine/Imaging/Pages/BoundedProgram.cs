using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Tessera.Imaging.Pages;

/// <summary>
/// Runs a program from PATH on a file that nobody vouches for: what it writes, the time that it takes and the memory that it holds are
/// limited, and it never outlives the call. Arguments go one by one, so that no file name can be taken for an option.
/// </summary>
internal static class BoundedProgram
{
    private const int MaxErrorLength = 4000;
    private const int MaxTextLength = 1 << 20;

    // A page of 2048 pixels is drawn in a second or two and 100 MB.
    private const int MaxOutputLength = 64 << 20;
    private const long MaxMemory = 2L << 30;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(50);

    /// <summary>Whether a program lies in a folder of PATH.</summary>
    public static bool IsInstalled(string program)
    {
        string file = OperatingSystem.IsWindows() ? $"{program}.exe" : program;
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, file)));
    }

    /// <summary>What a program writes, as text.</summary>
    /// <exception cref="ImageException">It fails, or goes beyond a limit.</exception>
    public static async Task<string> TextAsync(string program, string[] arguments, string source, CancellationToken cancellationToken) =>
        Encoding.UTF8.GetString(await RunAsync(program, arguments, MaxTextLength, source, cancellationToken).ConfigureAwait(false));

    /// <summary>What a program writes.</summary>
    /// <exception cref="ImageException">It fails, or goes beyond a limit.</exception>
    public static Task<byte[]> BytesAsync(string program, string[] arguments, string source, CancellationToken cancellationToken) =>
        RunAsync(program, arguments, MaxOutputLength, source, cancellationToken);

    private static async Task<byte[]> RunAsync(
        string program,
        string[] arguments,
        int maxLength,
        string source,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Process process = Start(program, arguments, source);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stop.CancelAfter(MaxTime);
        Task<bool> watch = OutgrowsAsync(process, stop);
        try
        {
            Task<byte[]> errors = ReadAsync(process.StandardError.BaseStream, MaxErrorLength, keepsReading: true, stop.Token);
            byte[] output = await ReadAsync(process.StandardOutput.BaseStream, maxLength, keepsReading: false, stop.Token)
                .ConfigureAwait(false);
            if (output.Length > maxLength)
                throw new ImageException(source, $"{program} writes more than {maxLength} bytes of it.");
            await process.WaitForExitAsync(stop.Token).ConfigureAwait(false);
            return process.ExitCode == 0 && output.Length > 0
                ? output
                : throw new ImageException(source, $"{program} cannot read it{Reason(await errors.ConfigureAwait(false))}.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            End(process);
            throw new ImageException(
                source,
                await watch.ConfigureAwait(false)
                    ? $"{program} needs more than {MaxMemory >> 30} GB of memory for it."
                    : $"{program} needs more than {MaxTime.TotalSeconds:0} seconds for it."
            );
        }
        finally
        {
            End(process);
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static Process Start(string program, string[] arguments, string source)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            Process process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception failure)
        {
            throw new TesseraException($"{source}: {program} cannot be started ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    // Whether the program was stopped because it holds too much.
    private static async Task<bool> OutgrowsAsync(Process process, CancellationTokenSource stop)
    {
        try
        {
            while (!process.HasExited)
            {
                process.Refresh();
                if (process.WorkingSet64 > MaxMemory)
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                    return true;
                }

                await Task.Delay(LookPause, stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or InvalidOperationException or Win32Exception)
        {
            // It has ended, or is being ended.
        }

        return false;
    }

    // One byte more than the most tells that there was more.
    private static async Task<byte[]> ReadAsync(Stream stream, int most, bool keepsReading, CancellationToken cancellationToken)
    {
        using var kept = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        int length;
        while ((length = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            kept.Write(buffer, 0, (int)Math.Min(length, most + 1 - kept.Length));
            if (kept.Length > most && !keepsReading)
                break;
        }

        return kept.ToArray();
    }

    // The line that says what failed: warnings come before it.
    private static string Reason(byte[] errors)
    {
        string[] lines = Encoding
            .UTF8.GetString(errors)
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string line =
            lines.LastOrDefault(static row => row.Contains("error", StringComparison.OrdinalIgnoreCase)) ?? lines.LastOrDefault() ?? "";
        string shown = new([.. line.Where(static letter => !char.IsControl(letter)).Take(200)]);
        return shown.Length > 0 ? $" [{shown}]" : "";
    }

    private static void End(Process process)
    {
        try
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        catch (Exception failure) when (failure is InvalidOperationException or Win32Exception)
        {
            // It ended by itself in the meantime.
        }
    }
}
