using System.Diagnostics;
using System.Text;

namespace Tessera.Fuzz.Chaos;

/// <summary>What a run of the program gave.</summary>
/// <param name="ExitCode">Its exit code; 137 where it was killed.</param>
/// <param name="Out">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record ProgramRun(int ExitCode, string Out, string Error)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "tessera.exe" : "tessera");

    /// <summary>Whether it failed as it should: with one sentence.</summary>
    public bool IsRefusal =>
        ExitCode == 1
        && Error.Contains("tessera: ", StringComparison.Ordinal)
        && !Error.Contains("   at ", StringComparison.Ordinal)
        && !Error.Contains("should not happen", StringComparison.Ordinal);

    /// <summary>Runs a command to its end, or kills it.</summary>
    /// <param name="arguments">The command.</param>
    /// <param name="input">What is typed.</param>
    /// <param name="moment">Is over when it is to be killed; null for after a long time.</param>
    public static async Task<ProgramRun> RunAsync(
        IReadOnlyList<string> arguments,
        string input,
        Func<CancellationToken, Task>? moment = null
    )
    {
        var start = new ProcessStartInfo(Program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(input));
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading.
        }

        using var limit = new CancellationTokenSource(Patience);
        Task end = process.WaitForExitAsync(limit.Token),
            kill = moment?.Invoke(limit.Token) ?? Task.Delay(Timeout.Infinite, limit.Token);
        await Task.WhenAny(end, kill);
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        await limit.CancelAsync();
        await Task.WhenAll(end, kill).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return new ProgramRun(process.ExitCode, await output, await error);
    }
}
