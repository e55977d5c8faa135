using System.Diagnostics;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>What <c>/save</c> leaves in a folder: conversations that are whole, and other people's files as they were.</summary>
public sealed class SavingTests : IDisposable
{
    private static readonly string Shapes = Goldens.RepositoryPath("samples", "shapes.png");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Only_conversations_are_replaced()
    {
        string notes = folder.File("notes.txt", "mine"u8),
            chat = folder.File("my.chat"),
            empty = folder.File("empty.chat", []);
        CliRun run = await ChatAsync($"/save {notes}", $"/save {chat}", $"/save {chat}", $"/save {empty}");
        Assert.Equal("mine", File.ReadAllText(notes));
        string[] errors = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("no saved conversation, so nothing was saved", errors[0], StringComparison.Ordinal);
        Assert.Equal(3, errors.Count(static line => line.StartsWith("Saved ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Modes_and_links_stay()
    {
        if (OperatingSystem.IsWindows())
            return;
        string chat = folder.File("my.chat"),
            link = folder.File("link.chat");
        await ChatAsync($"/save {chat}");
        File.SetUnixFileMode(chat, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(link, chat);
        byte[] before = File.ReadAllBytes(chat);
        await ChatAsync("Hello", $"/save {link}");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(chat));
        Assert.Equal(chat, new FileInfo(link).LinkTarget);
        Assert.NotEqual(before, File.ReadAllBytes(chat));
    }

    // Killed at any moment, it leaves a whole conversation or none; the next run takes away what lies about.
    [Fact]
    public async Task A_kill_leaves_nothing_torn()
    {
        string path = folder.File("killed.chat");
        var random = new Random(14);
        int leftovers = 0;
        for (int attempt = 0; attempt < 4; attempt++)
        {
            ProcessStartInfo start = CliProcess.StartInfo(["chat", "--threads", "1", "--max-tokens", "4", "-i", Shapes]);
            using Process chat = Process.Start(start)!;
            // More than it can do until then, and no more than a pipe holds.
            await chat.StandardInput.WriteAsync(string.Concat(Enumerable.Repeat($"/save {path}\n", 400).Prepend("What?\n")));
            await chat.StandardInput.FlushAsync();
            await chat.StandardOutput.ReadLineAsync();
            await Task.Delay(random.Next(5, 150));
            chat.Kill(entireProcessTree: true);
            await chat.WaitForExitAsync();
            if (File.Exists(path))
                Assert.True(ChatSession.IsSaved(path));
            leftovers += Directory.GetFiles(folder.FullName, "*.tmp").Length;
        }

        CliRun run = await ChatAsync($"/load {path}", $"/save {path}");
        Assert.True(run.Error.Contains("Saved ", StringComparison.Ordinal), $"{leftovers} leftovers: {run.Error}");
        Assert.Equal([path], Directory.GetFiles(folder.FullName));
    }

    // A file system that is full; only root may make one.
    [Fact]
    public async Task A_full_disk_is_one_sentence()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            return;
        string disk = folder.File("disk");
        Directory.CreateDirectory(disk);
        if (await RunAsync("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk) != 0)
            return;
        try
        {
            string chat = Path.Combine(disk, "my.chat");
            CliRun run = await ChatAsync($"/save {chat}", $"/image {Shapes}", "What?", $"/save {chat}", "/stats");
            Assert.Equal(1, run.ExitCode);
            Assert.Contains("space", run.Error, StringComparison.Ordinal);
            Assert.Contains("prefill", run.Error, StringComparison.Ordinal);
            // What was saved before is there still.
            Assert.True(ChatSession.IsSaved(chat));
            Assert.Equal([chat], Directory.GetFiles(disk));
        }
        finally
        {
            Assert.Equal(0, await RunAsync("umount", disk));
        }
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }

    private static Task<CliRun> ChatAsync(params string[] lines) =>
        CliRun.InProcessAsync(["chat", "--threads", "1", "--temperature", "0"], Encoding.UTF8.GetBytes(string.Join('\n', lines)));
}
