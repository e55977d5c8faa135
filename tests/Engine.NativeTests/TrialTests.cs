using Tessera.Engine.NativeTests.Goldens;

namespace Tessera.Engine.NativeTests;

/// <summary>What the trial of an unknown model makes of a process that crashes, hangs, aborts or eats memory. A shell stands in for
/// it.</summary>
public sealed class TrialTests : IDisposable
{
    private static readonly string Model = GoldenCase.Find("llava-1.5").LanguageModel;
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-trial").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("echo while it swims; kill -SEGV $$", "while it swims, SIGSEGV")]
    [InlineData("kill -FPE $$", "while it starts, SIGFPE")]
    [InlineData("kill -ABRT $$", "SIGABRT")]
    [InlineData("echo 'abort ggml.c:1: no'; sleep 30", "ggml.c:1: no")]
    [InlineData("echo while it counts; while :; do :; done", "while it counts, it did not end within 1 seconds of computing")]
    public async Task A_failure_is_one_sentence_and_is_remembered(string script, string reason)
    {
        if (OperatingSystem.IsWindows())
            return; // no shell
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() => LoadAsync(script));
        Assert.Contains(reason, failure.Message);
        Assert.StartsWith(Model, failure.Message);
        string file = Assert.Single(Directory.GetFiles(folder));
        Assert.EndsWith($"to have it tried once more, delete {file}.", failure.Message);
        Assert.Equal(failure.Message, (await Assert.ThrowsAsync<ModelFileException>(() => LoadAsync("echo done"))).Message);
        File.Delete(file);
        await LoadAsync("echo done");
    }

    [Fact]
    public async Task Success_is_remembered_with_and_without_embeddings_apart()
    {
        if (OperatingSystem.IsWindows())
            return;
        await LoadAsync("echo done");
        await LoadAsync("kill -SEGV $$");
        ModelOptions seeing = Options("kill -SEGV $$") with { ProjectorPath = GoldenCase.Find("llava-1.5").Projector };
        await Assert.ThrowsAsync<ModelFileException>(() => MultimodalModel.LoadAsync(seeing));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    [Theory]
    [InlineData("exit 1")]
    [InlineData("kill -KILL $$")]
    [InlineData("exit 0")]
    public async Task What_says_nothing_of_the_model_stops_nothing(string script)
    {
        if (OperatingSystem.IsWindows())
            return;
        await LoadAsync(script);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task A_program_that_is_missing_stops_nothing()
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            Options("") with
            {
                Trial = new ModelTrial { Program = Path.Combine(folder, "none"), Folder = folder },
            }
        );
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task Another_content_is_tried_again()
    {
        if (OperatingSystem.IsWindows())
            return;
        string copy = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "models")).FullName, "copy.gguf");
        File.Copy(Model, copy);
        using (await MultimodalModel.LoadAsync(Options("echo done") with { ModelPath = copy })) { }
        File.SetLastWriteTimeUtc(copy, DateTime.UnixEpoch);
        await Assert.ThrowsAsync<ModelFileException>(() => MultimodalModel.LoadAsync(Options("kill -SEGV $$") with { ModelPath = copy }));
    }

    [Fact]
    public async Task Cancelling_ends_both()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var stop = new CancellationTokenSource();
        string mark = Path.Combine(folder, "started");
        Task loading = MultimodalModel.LoadAsync(Options($"touch {mark}; sleep 100"), null, stop.Token);
        await Patience.UntilAsync(() => File.Exists(mark), "the trial's start");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loading.WaitAsync(Patience.Limit));
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_stops_nothing()
    {
        if (OperatingSystem.IsWindows())
            return;
        string file = Path.Combine(folder, "file");
        await File.WriteAllTextAsync(file, "");
        ModelTrial trial = Shell("echo done") with { Folder = Path.Combine(file, "under") };
        using MultimodalModel model = await MultimodalModel.LoadAsync(Options("") with { Trial = trial });
        string message = (
            await Assert.ThrowsAsync<ModelFileException>(() =>
                MultimodalModel.LoadAsync(Options("") with { Trial = trial with { Arguments = ["-c", "kill -SEGV $$", "x"] } })
            )
        ).Message;
        Assert.EndsWith("download it again.", message);
    }

    [Fact]
    public async Task The_trial_itself_survives_a_good_model()
    {
        await using var input = new HangingStream();
        using var output = new StringWriter();
        int exitCode = await Task.Run(() => ModelTrial.Run([Model, "rows"], input, output));
        Assert.Equal(0, exitCode);
        Assert.EndsWith($"while embeddings are decoded{Environment.NewLine}done{Environment.NewLine}", output.ToString());
    }

    private async Task LoadAsync(string script)
    {
        await using MultimodalModel model = await MultimodalModel.LoadAsync(Options(script));
    }

    private ModelOptions Options(string script) =>
        new()
        {
            ModelPath = Model,
            ContextLength = 64,
            Trial = Shell(script),
        };

    private ModelTrial Shell(string script) =>
        new()
        {
            Program = "/bin/sh",
            Arguments = ["-c", script, "x"],
            Folder = folder,
            LeastWork = TimeSpan.FromSeconds(1),
        };

    // Standard input of a process whose parent lives.
    private sealed class HangingStream : MemoryStream
    {
        private readonly SemaphoreSlim never = new(0);

        public override int ReadByte()
        {
            never.Wait();
            return -1;
        }
    }
}
