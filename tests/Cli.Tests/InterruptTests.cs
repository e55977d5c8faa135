using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Ctrl+C ends each stage with 130, SIGTERM with 143, without a word. It does nothing where there are no signals.</summary>
public sealed class InterruptTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("small");
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
            static _ => Task.Delay(1500),
            closeInput: true,
            signal
        );

    // The first signal waits for the end of a step that takes long.
    [Fact]
    public Task The_second_signal_waits_for_nothing() =>
        InterruptedAsync(
            Encoding(SlowProjectors.WriteWide(folder.File("wide.gguf"))),
            static async process =>
            {
                await Task.Delay(2000);
                process.Signal(PosixSignal.SIGINT);
                await Task.Delay(200);
            },
            closeInput: true
        );

    [Fact]
    public Task While_waiting_for_the_question() => InterruptedAsync(["ask", "-"], static _ => Task.Delay(500), closeInput: false);

    [Fact]
    public Task While_waiting_for_the_picture() => InterruptedAsync(["look", "-"], static _ => Task.Delay(500), closeInput: false);

    [Fact]
    public async Task While_waiting_for_a_server()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await InterruptedAsync(
            ["look", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/x.png"],
            static _ => Task.Delay(500),
            closeInput: true
        );
    }

    private static string[] Answering() =>
        CliRun.GoldenArguments(
            "--raw",
            "--context",
            "100000",
            "--max-tokens",
            "99000",
            "--threads",
            "1",
            "-i",
            Picture,
            "<__media__> What?"
        );

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
        long sent = System.Diagnostics.Stopwatch.GetTimestamp();
        process.Signal(signal);
        CliRun run = await process.EndAsync();
        // But for a remark about the context that an endless answer needs.
        string said = string.Join(
            '\n',
            run.Error.Split('\n').Where(static line => !line.Contains("tokens of context", StringComparison.Ordinal))
        );
        Assert.Equal((signal == PosixSignal.SIGTERM ? 143 : 130, ""), (run.ExitCode, said));
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(sent) < TimeSpan.FromSeconds(20));
        return run;
    }
}
