using System.ComponentModel;
using System.Diagnostics;

namespace Tessera.Imaging.Video;

/// <summary>
/// Runs ffmpeg or ffprobe from PATH. Arguments go one by one, never through a command line, so that no file name can be taken for an
/// option; the process never outlives the call.
/// </summary>
internal static class FfmpegProgram
{
    private const int MaxErrorLength = 300;

    /// <summary>Starts a program, hands its output over, and waits for its end.</summary>
    /// <param name="program"><c>ffmpeg</c> or <c>ffprobe</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="read">Reads the output; what it leaves unread is dropped, and the program ended.</param>
    /// <param name="source">The video, for messages.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    /// <exception cref="TesseraException">The program is not there.</exception>
    /// <exception cref="ImageException">It failed.</exception>
    public static async Task<T> RunAsync<T>(
        string program,
        IReadOnlyList<string> arguments,
        Func<Stream, CancellationToken, Task<T>> read,
        string source,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Process process = Start(program, arguments, source);
        Task<string> errors = ReadErrorsAsync(process.StandardError);
        try
        {
            T result = await read(process.StandardOutput.BaseStream, cancellationToken).ConfigureAwait(false);
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            return process.ExitCode == 0 ? result : throw Failed(source, await errors.ConfigureAwait(false), null);
        }
        catch (InvalidDataException failure)
        {
            End(process);
            throw Failed(source, await errors.ConfigureAwait(false), failure);
        }
        finally
        {
            End(process);
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments, string source)
    {
        ProcessStartInfo start = new(program)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            Process process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception failure)
        {
            throw new TesseraException(
                $"{source}: video files are read with ffmpeg, and {program} cannot be started: install ffmpeg so that it is on PATH, or "
                    + "give the frames as an animated GIF or WebP or as a folder of pictures.",
                failure
            );
        }
    }

    // Drained to the end, or the program would wait; only the start is kept.
    private static async Task<string> ReadErrorsAsync(StreamReader reader)
    {
        char[] buffer = new char[4096];
        var kept = new System.Text.StringBuilder();
        try
        {
            for (int length; (length = await reader.ReadAsync(buffer).ConfigureAwait(false)) > 0; )
                kept.Append(buffer, 0, Math.Min(length, Math.Max(0, MaxErrorLength - kept.Length)));
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException)
        {
            // The program was ended; what it said until then is enough.
        }

        return kept.ToString();
    }

    private static ImageException Failed(string source, string errors, Exception? inner)
    {
        string line = errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        string reason = new([.. line.Where(static letter => !char.IsControl(letter))]);
        return new ImageException(source, $"ffmpeg cannot read it as a video{(reason.Length > 0 ? $" [{reason}]" : "")}.", inner);
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
