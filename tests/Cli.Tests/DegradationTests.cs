using System.ComponentModel;
using System.Diagnostics;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What is done otherwise than asked is said on standard error, once.</summary>
public sealed class DegradationTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("small");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_answer_that_is_cut()
    {
        CliRun run = await CliRun.AskGoldenAsync("--max-tokens", "3", "What?");
        Assert.Equal((0, "The answer was cut after 3 tokens: raise --max-tokens.\n"), (run.ExitCode, run.Error));
        // There the reason is part of the document.
        CliRun json = await CliRun.AskGoldenAsync("--max-tokens", "3", "--json", "What?");
        Assert.Equal(("", "length"), (json.Error, json.Json.GetProperty("finish_reason").GetString()));
    }

    [Fact]
    public async Task A_context_that_is_full()
    {
        CliRun run = await CliRun.AskGoldenAsync("--raw", "--context", "16", "What?");
        Assert.Matches(@"^The answer was cut after \d+ tokens?: the context is full\.\n$", run.Error);
    }

    [Fact]
    public async Task A_context_beyond_what_the_model_was_trained_with()
    {
        CliRun run = await CliRun.AskGoldenAsync("--context", "5000", "--max-tokens", "1", "--json", "What?");
        Assert.Matches(@"^[^\n]*it was trained with 2048 tokens of context[^\n]*5000\)\.\n$", run.Error);
        Assert.Equal("", (await CliRun.AskGoldenAsync("--context", "2048", "--max-tokens", "1", "--json", "What?")).Error);
    }

    [Fact]
    public async Task Layers_on_a_GPU_that_is_not_there()
    {
        if (Devices.List().Any(static device => device.Kind == DeviceKind.Gpu))
            return;
        CliRun run = await CliRun.AskGoldenAsync("--gpu-layers", "99", "--max-tokens", "1", "--json", "What?");
        Assert.Matches(@"^--gpu-layers 99: no GPU is found[^\n]*\.\n$", run.Error);
        Assert.Equal("", (await CliRun.AskGoldenAsync("--gpu-layers", "0", "--max-tokens", "1", "--json", "What?")).Error);
    }

    // Nobody, not even root, can write there.
    [Fact]
    public async Task A_folder_for_pictures_that_cannot_be_written()
    {
        if (!OperatingSystem.IsLinux())
            return;
        string[] arguments = CliRun.GoldenArguments("--image-cache", "/proc/self", "-i", Picture, "--max-tokens", "1", "--json", "What?");
        CliRun ask = await CliProcess.RunAsync(arguments);
        Assert.Equal(0, ask.ExitCode);
        Assert.Matches(@"^--image-cache: encoded pictures cannot be kept in /proc/self \([^\n]+\)\.\n$", ask.Error);
        // In a chat with two pictures it is said once.
        byte[] lines = System.Text.Encoding.UTF8.GetBytes($"{Picture} What?\n{Goldens.Picture("wide")} What?\n");
        CliRun chat = await CliProcess.RunAsync(
            ["chat", "-m", Goldens.Language, "--mmproj", Goldens.Projector, "--image-cache", "/proc/self", "--max-tokens", "1"],
            lines
        );
        Assert.Equal(1, chat.Error.Split("--image-cache: ").Length - 1);
    }

    [Fact]
    public async Task A_folder_for_pictures_that_is_full()
    {
        string disk = folder.File("disk");
        Directory.CreateDirectory(disk);
        if (!OperatingSystem.IsLinux() || !await TryRunAsync("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", disk))
            return;
        try
        {
            File.WriteAllBytes(Path.Combine(disk, "other"), new byte[4096]);
            CliRun run = await CliRun.AskGoldenAsync("--image-cache", disk, "-i", Picture, "--max-tokens", "1", "--json", "What?");
            Assert.Equal(0, run.ExitCode);
            Assert.Matches(@"^--image-cache: encoded pictures cannot be kept in [^\n]+space[^\n]+\n$", run.Error);
        }
        finally
        {
            await TryRunAsync("umount", disk);
        }
    }

    [Fact]
    public async Task A_folder_for_pictures_that_may_only_be_read_serves_and_one_that_may_be_written_is_silent()
    {
        string cache = folder.File("cache");
        string[] arguments = ["--image-cache", cache, "-i", Picture, "--max-tokens", "1", "--json", "What?"];
        Assert.Equal("", (await CliRun.AskGoldenAsync(arguments)).Error);
        Assert.Single(Directory.EnumerateFiles(cache));
        Assert.Equal("", (await CliRun.AskGoldenAsync(arguments)).Error);
    }

    private static async Task<bool> TryRunAsync(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
