using System.Diagnostics;
using Tessera.Cli.Tests.Support;

namespace Tessera.Delivery.Tests.Support;

/// <summary>A program for Windows under Wine, in a prefix of its own.</summary>
internal sealed class WineProgram(string program, string folder)
{
    // What Wine 8 lacks of Windows, and Rust's code in libvips asks for, is there under another name.
    private const string Forwarder = """
        LIBRARY bcryptprimitives.dll
        EXPORTS
          ProcessPrng = advapi32.SystemFunction036
        """;

    private string Prefix => Path.Combine(folder, "prefix");

    /// <summary>Why no program for Windows can be run here; null where one can.</summary>
    public static string? MissingTool()
    {
        if (!OperatingSystem.IsLinux())
            return "Wine is looked for on Linux only.";
        string[] missing =
        [
            .. new[] { "wine", "x86_64-w64-mingw32-dlltool", "x86_64-w64-mingw32-ld" }.Where(static tool => !InstalledTools.Have(tool)),
        ];
        return missing.Length == 0
            ? null
            : $"There is no {string.Join(" and no ", missing)} (Debian's wine, wine64 and binutils-mingw-w64-x86-64).";
    }

    /// <summary>
    /// Puts the forwarder into the folders of libraries, and libvips beside the program, where NetVips finds it at the first try: Wine 8
    /// does not survive what the runtime throws and catches while it searches on.
    /// </summary>
    public static async Task AddForwarderAsync(string workFolder, string published, string natives)
    {
        File.Copy(Path.Combine(natives, "libvips-42.dll"), Path.Combine(published, "libvips-42.dll"));
        await File.WriteAllTextAsync(Path.Combine(workFolder, "forwarder.def"), Forwarder);
        await DotnetCommand.RunAsync("x86_64-w64-mingw32-dlltool", workFolder, "-d", "forwarder.def", "-e", "forwarder.exp");
        await DotnetCommand.RunAsync(
            "x86_64-w64-mingw32-ld",
            workFolder,
            "-shared",
            "--subsystem",
            "console",
            "forwarder.exp",
            "-o",
            "bcryptprimitives.dll"
        );
        foreach (string target in (string[])[published, natives])
            File.Copy(Path.Combine(workFolder, "bcryptprimitives.dll"), Path.Combine(target, "bcryptprimitives.dll"));
    }

    /// <summary>Makes the prefix, about which Wine talks.</summary>
    public Task StartAsync() => DotnetCommand.RunAsync("env", folder, $"WINEPREFIX={Prefix}", "WINEDEBUG=-all", "wineboot", "-i");

    /// <summary>Runs it.</summary>
    /// <param name="input">Standard input.</param>
    /// <param name="natives">A folder of llama.cpp's libraries; null for those beside the program.</param>
    /// <param name="arguments">Its arguments.</param>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync(string input, string? natives, params string[] arguments)
    {
        var start = new ProcessStartInfo("wine", [program, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["WINEPREFIX"] = Prefix;
        start.Environment["WINEDEBUG"] = "-all";
        // Names of files that are no ASCII.
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["TESSERA_NATIVE"] = natives ?? "";
        start.Environment["XDG_CONFIG_HOME"] = $"Z:{folder.Replace('/', '\\')}";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Patience.Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{string.Join(' ', arguments)} did not end within {Patience.Limit.TotalMinutes} minutes under Wine.");
        }

        return (process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }
}

/// <summary>A fact that needs Wine.</summary>
internal sealed class FactWithWineAttribute : FactAttribute
{
    public FactWithWineAttribute() => Skip = WineProgram.MissingTool();
}
