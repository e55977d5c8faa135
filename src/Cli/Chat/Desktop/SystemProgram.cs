using System.ComponentModel;
using System.Diagnostics;

namespace Tessera.Cli.Chat.Desktop;

/// <summary>Runs a small program of the system that hands something over, such as the clipboard.</summary>
internal static class SystemProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Whether a program lies in a folder of PATH.</summary>
    public static bool IsInstalled(string program)
    {
        string file = OperatingSystem.IsWindows() ? $"{program}.exe" : program;
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, file)));
    }

    /// <summary>What it writes, at most as much as a picture may have; null if it cannot be started or fails.</summary>
    public static async Task<byte[]?> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
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
            using Process process = Process.Start(start)!;
            try
            {
                process.StandardInput.Close();
                process.ErrorDataReceived += static (_, _) => { };
                process.BeginErrorReadLine();
                byte[]? output = await ReadAsync(process.StandardOutput.BaseStream, limit.Token);
                if (output is null)
                    return null;
                await process.WaitForExitAsync(limit.Token);
                return process.ExitCode == 0 ? output : null;
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception failure) when (failure is Win32Exception or IOException or InvalidOperationException)
        {
            return null;
        }
    }

    private static async Task<byte[]?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var kept = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        int length;
        while ((length = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (kept.Length + length > PromptImage.MaxByteLength)
                return null;
            kept.Write(buffer, 0, length);
        }

        return kept.ToArray();
    }
}
