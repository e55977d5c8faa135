using System.Runtime.InteropServices;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>The program tries a model that is new to it in a process of its own, and remembers what came of it.</summary>
public sealed class ModelTrialTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_crash_is_one_sentence_also_the_second_time()
    {
        string language = WriteAsserting();
        CliRun first = await AskAsync(language);
        first.ShouldFail(
            1,
            language,
            "llama.cpp does not survive it",
            "GGML_ASSERT",
            "download it again",
            "to have it tried once more, delete"
        );
        if (OperatingSystem.IsLinux())
            Assert.Contains(Remembered().Single(), first.Error);
        Assert.Equal(first.Error, (await AskAsync(language)).Error);
    }

    [Fact]
    public async Task A_good_model_is_tried_once()
    {
        string language = folder.File("good.gguf", File.ReadAllBytes(Goldens.Language));
        Assert.Equal(0, (await AskAsync(language)).ExitCode);
        if (!OperatingSystem.IsLinux())
            return; // elsewhere the folder cannot be moved for a test
        DateTime written = File.GetLastWriteTimeUtc(Remembered().Single());
        Assert.Equal(0, (await AskAsync(language)).ExitCode);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Remembered().Single()));
    }

    [Fact]
    public async Task The_model_that_comes_with_it_is_not_tried()
    {
        CliRun run = await CliProcess.RunAsync(["ask", "--max-tokens", "2", "--json", "Hello"], null, Cache);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.False(Directory.Exists(Path.Combine(folder.FullName, "cache")));
    }

    [Fact]
    public async Task Without_a_folder_to_write_to_it_goes_on()
    {
        string file = folder.File("file", [1]);
        CliRun run = await CliProcess.RunAsync(
            ["ask", "-m", Goldens.Language, "--max-tokens", "2", "--json", "Hello"],
            null,
            ("XDG_CACHE_HOME", Path.Combine(file, "under"))
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    // The trial's process is one of the same group, as in a terminal, or is left to its parent.
    [Fact]
    public async Task An_interrupt_ends_the_trial_too()
    {
        if (OperatingSystem.IsWindows())
            return;
        string language = folder.File("new.gguf", File.ReadAllBytes(Goldens.Language));
        // Where it comes too late it ends the answer.
        using CliProcess process = CliProcess.Start(["ask", "-m", language, "--raw", .. CliRun.Endless, "What?"], Cache);
        await process.WriteAsync([]);
        await Task.Delay(250);
        process.Signal(PosixSignal.SIGINT);
        CliRun run = await process.EndAsync();
        Assert.Equal((130, ""), (run.ExitCode, run.ErrorBesideContext));
    }

    private (string, string?) Cache => ("XDG_CACHE_HOME", Path.Combine(folder.FullName, "cache"));

    private string[] Remembered() => Directory.GetFiles(Path.Combine(folder.FullName, "cache", "tessera", "tried-models"));

    private Task<CliRun> AskAsync(string language) =>
        CliProcess.RunAsync(["ask", "-m", language, "--threads", "1", "--max-tokens", "2", "What?"], null, Cache);

    private string WriteAsserting() => LanguageModels.WriteAsserting(folder.File("language.gguf"));
}
