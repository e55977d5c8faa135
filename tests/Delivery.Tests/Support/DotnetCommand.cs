using System.Diagnostics;

namespace Tessera.Delivery.Tests.Support;

/// <summary>Runs a program and takes what it prints; one that hangs is ended and fails the test.</summary>
internal static class DotnetCommand
{
    /// <summary>Runs it in a folder.</summary>
    /// <returns>Standard output.</returns>
    public static async Task<string> RunAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        // The test runner's own settings would reach the programs that are built here.
        foreach (string name in (string[])["MSBuildSDKsPath", "MSBuildExtensionsPath", "MSBUILD_EXE_PATH", "TESSERA_NATIVE"])
            start.Environment.Remove(name);
        using Process process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience.Limit);
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token),
            error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {Patience.Limit.TotalMinutes} minutes.");
        }

        Assert.True(
            process.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output} {await error}"
        );
        return await output;
    }
}
