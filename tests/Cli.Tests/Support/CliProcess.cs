using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Tessera.Cli.Tests.Support;

/// <summary>The built program in a process of its own, as a shell would start it.</summary>
internal sealed partial class CliProcess : IDisposable
{
    // What the program remembers of models is not to depend on what it was tried with before, nor to fill the user's own folder.
    private static readonly Lazy<string> Caches = new(static () =>
    {
        string folder = Directory.CreateTempSubdirectory("tessera-caches").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    private readonly Process process;
    private readonly TaskCompletionSource<string> firstOutput = new();
    private volatile string written = "";
    private readonly Task<string> output;
    private readonly Task<string> error;

    private CliProcess(Process process)
    {
        this.process = process;
        output = ReadOutputAsync();
        error = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Ends when something has been written to standard output, with what it is.</summary>
    public Task<string> FirstOutputAsync() => firstOutput.Task.WaitAsync(Patience.Limit);

    /// <summary>Ends when as much has been written to standard output as is wanted, with all of it.</summary>
    public async Task<string> OutputAsync(Func<string, bool> isEnough)
    {
        await Patience.UntilAsync(() => isEnough(written), "its output");
        return written;
    }

    /// <summary>Ends when it has had the processor for so long, which says how far it is, however busy the machine.</summary>
    public Task WorkAsync(TimeSpan time) => Patience.UntilAsync(() => HasWorked(time), "its work");

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => process.HasExited;

    public static string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "tessera.exe" : "tessera");

    public static Task<CliRun> RunAsync(params string[] arguments) => RunAsync(arguments, input: null);

    public static async Task<CliRun> RunAsync(string[] arguments, byte[]? input = null, params (string Name, string? Value)[] environment)
    {
        using CliProcess started = Start(arguments, environment);
        await started.WriteAsync(input ?? []);
        return await started.EndAsync();
    }

    /// <summary>Runs a copy of the program.</summary>
    public static async Task<CliRun> RunCopyAsync(string program, params string[] arguments)
    {
        using CliProcess started = new(Process.Start(StartInfo(arguments, program))!);
        await started.WriteAsync([]);
        return await started.EndAsync();
    }

    /// <summary>How the program is started, with pipes.</summary>
    public static ProcessStartInfo StartInfo(string[] arguments, string? program = null)
    {
        program ??= Program;
        // A shell without job control starts its background jobs, and all that they start, with SIGINT ignored.
        string[] command = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT", program] : [program];
        return new ProcessStartInfo(command[0], [.. command[1..], .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }

    public static CliProcess Start(string[] arguments, params (string Name, string? Value)[] environment)
    {
        ProcessStartInfo start = StartInfo(arguments);
        start.Environment["XDG_CACHE_HOME"] = Caches.Value;
        start.Environment["XDG_CONFIG_HOME"] = Caches.Value;
        start.Environment.Remove("TESSERA_MODEL");
        foreach ((string name, string? value) in environment)
            start.Environment[name] = value;
        return new CliProcess(Process.Start(start)!);
    }

    /// <summary>Writes all of standard input and closes it.</summary>
    public async Task WriteAsync(byte[] input)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading.
        }
    }

    /// <summary>Sends a signal, unless it has ended.</summary>
    public void Signal(PosixSignal signal) =>
        Assert.True(Kill(process.Id, signal == PosixSignal.SIGINT ? 2 : 15) == 0 || process.WaitForExit(Patience.Limit));

    public async Task<CliRun> EndAsync()
    {
        using var limit = new CancellationTokenSource(Patience.Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"It did not end within {Patience.Limit.TotalSeconds} seconds: {await error}");
        }

        return new CliRun(process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }

    private bool HasWorked(TimeSpan time)
    {
        try
        {
            return process.TotalProcessorTime >= time;
        }
        catch (InvalidOperationException)
        {
            // It has ended.
            return true;
        }
    }

    private async Task<string> ReadOutputAsync()
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int count;
        while ((count = await process.StandardOutput.ReadAsync(buffer)) > 0)
        {
            text.Append(buffer, 0, count);
            written = text.ToString();
            firstOutput.TrySetResult(written);
        }

        firstOutput.TrySetResult("");
        return text.ToString();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            // What it writes to is there until it has ended.
            process.WaitForExit(Patience.Limit);
        }

        process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
