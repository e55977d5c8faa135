using Tessera.Compute;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;

namespace Tessera.Engine.NativeTests;

/// <summary>A model's files may be shortened, overwritten, replaced or deleted while it is loaded: answers go on, or fail with a
/// sentence.</summary>
public sealed class ChangedFileTests : IDisposable
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-1.5");
    private static readonly GenerationOptions Greedy = new() { MaxTokens = 6, Temperature = 0 };
    private readonly string folder = Directory.CreateTempSubdirectory("tessera-changed").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string> Changes => ["shortened", "emptied", "zeroed", "overwritten", "replaced", "deleted"];

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Text_is_answered_as_before(string change)
    {
        if (OperatingSystem.IsWindows())
            return; // which lets nobody change a file that is in use
        (string language, _) = Copy();
        await using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = language });
        string before = (await model.AnswerAsync(new Prompt("What is this?"), Greedy)).Text;
        Change(language, change);
        Assert.Equal(before, (await model.AnswerAsync(new Prompt("What is this?"), Greedy)).Text);
        Assert.NotEmpty((await model.AnswerAsync(new Prompt("And then?"), Greedy)).TokenIds);
    }

    // Tokens beside a picture are looked up in the file, so there it must be the same; a deleted one stays readable.
    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_picture_is_answered_as_before_or_not_at_all(string change)
    {
        if (OperatingSystem.IsWindows())
            return;
        (string language, string projector) = Copy();
        await using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = language, ProjectorPath = projector }
        );
        var prompt = new Prompt("What is this?") { Images = [Golden.Image("page")] };
        string before = (await model.AnswerAsync(prompt, Greedy)).Text;
        Change(language, change);
        Change(projector, change);
        var next = new Prompt("What is this?") { Images = [Golden.Image("wide")] };
        if (change is "replaced" or "deleted")
        {
            Assert.Equal(before, (await model.AnswerAsync(prompt, Greedy)).Text);
            await model.AnswerAsync(next, Greedy);
            return;
        }

        string message = (await Assert.ThrowsAsync<ModelFileException>(() => model.AnswerAsync(next, Greedy))).Message;
        Assert.Equal($"{language}: it has been changed since it was loaded, and what it held is gone: load the model again.", message);
    }

    [Fact]
    public async Task A_new_time_of_change_alone_changes_nothing()
    {
        if (OperatingSystem.IsWindows())
            return;
        (string language, string projector) = Copy();
        await using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = language, ProjectorPath = projector }
        );
        File.SetLastWriteTimeUtc(language, DateTime.UnixEpoch);
        File.SetLastWriteTimeUtc(projector, DateTime.UnixEpoch);
        await model.AnswerAsync(new Prompt("What is this?") { Images = [Golden.Image("page")] }, Greedy);
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("replaced")]
    [InlineData("overwritten")]
    public async Task A_conversation_is_saved_and_continued_with_the_file_as_it_was(string change)
    {
        if (OperatingSystem.IsWindows())
            return;
        (string language, string projector) = Copy();
        string saved = Path.Combine(folder, "saved.chat");
        await using (
            MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = language, ProjectorPath = projector })
        )
        {
            using ChatSession chat = model.StartChat();
            await foreach (GenerationUpdate _ in chat.SendStreamingAsync(new UserMessage("What is this?"), Greedy)) { }
            Change(language, change);
            Change(projector, change);
            await chat.SaveAsync(saved);
        }

        await using MultimodalModel original = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = Golden.LanguageModel, ProjectorPath = Golden.Projector }
        );
        using ChatSession loaded = await original.LoadChatAsync(saved);
        Assert.Single(loaded.Turns);
    }

    [Fact]
    public void What_somebody_is_writing_to_does_not_stay_mapped()
    {
        if (OperatingSystem.IsWindows())
            return;
        string file = Path.Combine(folder, "file");
        using FileStream writing = new(file, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        Assert.False(MayStay(file, 1));
        Assert.True(MayStay(file, long.MaxValue));
        Assert.True(MayStay(Path.Combine(folder, "none"), 1));
    }

    [Theory]
    [InlineData("shortened")]
    [InlineData("emptied")]
    [InlineData("zeroed")]
    [InlineData("overwritten")]
    public void What_is_mapped_stays_as_it_was(string change)
    {
        (string path, _) = Copy();
        byte[] before = File.ReadAllBytes(path);
        using FileLease? lease = FileLease.Take(path);
        if (lease is null)
            return; // a system, or a folder's, that has no leases: there the file is read
        using FileStream stream = File.OpenRead(path);
        using FileMapping mapping = FileMapping.Create(stream);
        lease.SetMapped();
        Change(path, change);
        Assert.NotEqual(before, File.ReadAllBytes(path));
        Assert.Equal(before, mapping.GetBytes(0, before.Length));
        Assert.False(lease.IsExposed);
    }

    [Fact]
    public void What_is_copied_ahead_is_the_file_s_no_more()
    {
        (string path, _) = Copy();
        byte[] before = File.ReadAllBytes(path);
        using FileLease? lease = FileLease.Take(path);
        if (lease is null)
            return;
        using FileStream stream = File.OpenRead(path);
        using FileMapping mapping = FileMapping.Create(stream);
        lease.SetMapped();
        lease.CopyAhead([]);
        Assert.True(SpinWait.SpinUntil(() => !File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal), 20_000));
        Assert.Equal(before, mapping.GetBytes(0, before.Length));
        // One that is stopped at once leaves all as it is.
        using FileMapping again = FileMapping.Create(stream);
        lease.CopyAhead([]);
        lease.Dispose();
        Assert.Equal(before, again.GetBytes(0, before.Length));
    }

    [Fact]
    public void What_nobody_reads_any_more_takes_no_memory()
    {
        (string path, _) = Copy();
        byte[] before = File.ReadAllBytes(path);
        using FileLease? lease = FileLease.Take(path);
        if (lease is null)
            return;
        using FileStream stream = File.OpenRead(path);
        using FileMapping mapping = FileMapping.Create(stream);
        lease.SetMapped();
        int page = Environment.SystemPageSize;
        // Of two pages and a half one is whole.
        lease.CopyAhead([new FileRange(page + page / 2, 2 * page)]);
        string[] left = [];
        Assert.True(
            SpinWait.SpinUntil(() => (left = Mapped(path)).Length == 1 && LengthOf(left[0]) == page, 20_000),
            string.Join('\n', left)
        );
        Assert.Contains($" {2 * page:x8} ", left[0]);
        Assert.Equal(before, mapping.GetBytes(0, before.Length));
    }

    private static string[] Mapped(string path) =>
        [.. File.ReadLines("/proc/self/maps").Where(line => line.Contains(path, StringComparison.Ordinal))];

    private static long LengthOf(string line)
    {
        long[] ends = [.. line.Split(' ')[0].Split('-').Select(static end => Convert.ToInt64(end, 16))];
        return ends[1] - ends[0];
    }

    [Fact]
    public async Task Who_writes_waits_until_all_is_mapped()
    {
        (string path, _) = Copy();
        using FileLease? lease = FileLease.Take(path);
        if (lease is null)
            return;
        long begun = Environment.TickCount64;
        Task change = Task.Run(() => Change(path, "zeroed"));
        await Task.Delay(100);
        bool waits = !change.IsCompleted;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using FileMapping mapping = FileMapping.Create(stream);
        byte[] before = mapping.GetBytes(0, 4).ToArray();
        lease.SetMapped();
        await change;
        if (Environment.TickCount64 - begun > 20_000)
            return; // no lease lasts for as long as this machine needs
        Assert.True(waits);
        Assert.Equal(before, mapping.GetBytes(0, 4));
        Assert.NotEqual(before, File.ReadAllBytes(path)[..4]);
    }

    private static bool MayStay(string path, long byteLength)
    {
        using var files = MappedFiles.Hold([path], byteLength);
        return files.MayStay;
    }

    [Fact]
    public void A_mapped_file_that_changes_is_noticed()
    {
        (string language, _) = Copy();
        using GgufFile file = GgufFile.Open(language);
        var loaded = new LoadedFile(file);
        string fingerprint = loaded.Fingerprint;
        loaded.RequireUnchanged();
        if (OperatingSystem.IsWindows())
            return;
        Change(language, "zeroed");
        Assert.Contains("changed since it was loaded", Assert.Throws<ModelFileException>(loaded.RequireUnchanged).Message);
        Assert.Equal(fingerprint, loaded.Fingerprint);
    }

    private (string Language, string Projector) Copy()
    {
        (string language, string projector) = (Path.Combine(folder, "language.gguf"), Path.Combine(folder, "mmproj.gguf"));
        File.Copy(Golden.LanguageModel, language);
        File.Copy(Golden.Projector, projector);
        // A change within the clock's grain of the copying would not be noticed.
        foreach (string path in (string[])[language, projector])
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-1));
        return (language, projector);
    }

    // As other programs do: without the lock that .NET asks for.
    private void Change(string path, string change)
    {
        switch (change)
        {
            case "shortened":
                Run("truncate", "-s", "4096", path);
                break;
            case "emptied":
                Run("truncate", "-s", "0", path);
                break;
            case "zeroed":
                Run("dd", "if=/dev/zero", $"of={path}", "bs=1024", $"count={new FileInfo(path).Length / 1024}", "conv=notrunc");
                break;
            case "overwritten":
                Run("cp", Other(), path);
                break;
            case "replaced":
                Run("mv", Other(), path);
                break;
            case "deleted":
                File.Delete(path);
                break;
        }
    }

    private string Other()
    {
        string other = Path.Combine(folder, "other.gguf");
        File.Copy(GoldenCase.Find("llava-onevision").LanguageModel, other, overwrite: true);
        return other;
    }

    // What does not wait for the file, as truncate, is to try again (EAGAIN).
    private static void Run(string program, params string[] arguments)
    {
        for (long end = Environment.TickCount64 + (long)Patience.Limit.TotalMilliseconds; Environment.TickCount64 < end; )
        {
            using var process = System.Diagnostics.Process.Start(
                new System.Diagnostics.ProcessStartInfo(program, arguments)
                {
                    RedirectStandardError = true,
                    Environment = { ["LC_ALL"] = "C" },
                }
            )!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return;
            Assert.Contains("temporarily unavailable", error);
            Thread.Sleep(100);
        }

        Assert.Fail($"{program} did not get the file.");
    }
}
