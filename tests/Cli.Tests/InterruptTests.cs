using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Ctrl+C ends each stage with 130, SIGTERM with 143, without a word. It does nothing where there are no signals.</summary>
public sealed class InterruptTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("small");

    // Loading takes less of the processor, and encoding with these projectors many times as much.
    private static readonly TimeSpan SomeWork = TimeSpan.FromSeconds(1.5);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // From before the runtime handles signals, through loading, to somewhere in the answer.
    [Theory]
    [InlineData(20)]
    [InlineData(80)]
    [InlineData(140)]
    [InlineData(200)]
    [InlineData(300)]
    [InlineData(500)]
    public Task At_any_time(int milliseconds) => InterruptedAsync(Answering(), _ => Task.Delay(milliseconds), closeInput: true);

    [Fact]
    public async Task While_answering()
    {
        CliRun run = await InterruptedAsync(Answering(), static process => process.FirstOutputAsync(), closeInput: true);
        Assert.NotEmpty(run.Out);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGTERM)]
    public Task While_encoding(PosixSignal signal) =>
        InterruptedAsync(
            Encoding(SlowProjectors.WriteDeep(folder.File("deep.gguf"))),
            static process => process.WorkAsync(SomeWork),
            closeInput: true,
            signal
        );

    // The first signal waits for the end of a step that takes long.
    [Fact]
    public async Task The_second_signal_waits_for_nothing()
    {
        if (OperatingSystem.IsWindows())
            return;
        TimeSpan before = EndedChildrensTime();
        using CliProcess process = CliProcess.Start(Encoding(SlowProjectors.WriteWide(folder.File("wide.gguf"))));
        await process.WriteAsync([]);
        await process.WorkAsync(SomeWork);
        // Signals that come before the first one has been seen are that one.
        while (!process.HasExited)
        {
            process.Signal(PosixSignal.SIGINT);
            await Task.Delay(200);
        }

        CliRun run = await process.EndAsync();
        Assert.Equal((130, ""), (run.ExitCode, run.Error));
        if (OperatingSystem.IsLinux())
            Assert.InRange(EndedChildrensTime() - before, SomeWork, 6 * SomeWork);
    }

    [Fact]
    public Task While_waiting_for_the_question() => InterruptedAsync(["ask", "-"], static _ => Task.Delay(500), closeInput: false);

    [Fact]
    public Task While_waiting_for_the_picture() => InterruptedAsync(["look", "-"], static _ => Task.Delay(500), closeInput: false);

    [Fact]
    public async Task While_waiting_for_a_server()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task<TcpClient> asking = listener.AcceptTcpClientAsync();
        await InterruptedAsync(
            ["look", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/x.png"],
            _ => asking.WaitAsync(Patience.Limit),
            closeInput: true
        );
    }

    private static string[] Answering() => CliRun.GoldenArguments(["--raw", .. CliRun.Endless, "-i", Picture, "<__media__> What?"]);

    private string[] Encoding(string projector) =>
        ["encode", "--mmproj", projector, Picture, "--out", folder.File("x.npy"), "--threads", "1"];

    private static async Task<CliRun> InterruptedAsync(
        string[] arguments,
        Func<CliProcess, Task> until,
        bool closeInput,
        PosixSignal signal = PosixSignal.SIGINT
    )
    {
        if (OperatingSystem.IsWindows())
            return new CliRun(130, "x", "");
        using CliProcess process = CliProcess.Start(arguments);
        if (closeInput)
            await process.WriteAsync([]);
        await until(process);
        process.Signal(signal);
        CliRun run = await process.EndAsync();
        Assert.Equal((signal == PosixSignal.SIGTERM ? 143 : 130, ""), (run.ExitCode, run.ErrorBesideContext));
        return run;
    }

    // Time that processes which this one has waited for had the processor.
    private static TimeSpan EndedChildrensTime()
    {
        if (!OperatingSystem.IsLinux())
            return default;
        // Behind the program's name: proc_pid_stat(5), fields 16 and 17, in hundredths of a second.
        string[] fields = File.ReadAllText("/proc/self/stat").Split(") ")[^1].Split(' ');
        return TimeSpan.FromSeconds(
            (long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture)) / 100.0
        );
    }
}
