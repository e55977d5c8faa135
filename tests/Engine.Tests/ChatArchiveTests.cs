using Tessera.Answers;

namespace Tessera.Engine.Tests;

/// <summary>Writing and reading of a saved conversation's file can be stopped half-way.</summary>
public sealed class ChatArchiveTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-archive-");

    private string Chat => Path.Combine(folder.FullName, "a.chat");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void A_write_that_is_cancelled_leaves_what_was_there()
    {
        using var stop = new CancellationTokenSource();
        ChatArchive.Write(Chat, new Dictionary<string, byte[]> { ["a"] = [1] }, stop.Token);
        byte[] before = File.ReadAllBytes(Chat);
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            ChatArchive.Write(Chat, new Dictionary<string, byte[]> { ["a"] = new byte[100] }, stop.Token)
        );
        Assert.Equal(before, File.ReadAllBytes(Chat));
        Assert.Equal([Chat], Directory.GetFiles(folder.FullName));
    }

    [Fact]
    public void A_read_can_be_cancelled()
    {
        using var stop = new CancellationTokenSource();
        byte[] large = new byte[(3 << 20) + 1];
        Random.Shared.NextBytes(large);
        ChatArchive.Write(
            Chat,
            new Dictionary<string, byte[]>
            {
                ["a"] = large,
                ["b"] = [],
                ["c"] = [1],
            },
            stop.Token
        );
        using ChatArchive archive = ChatArchive.Open(Chat, stop.Token);
        Assert.Empty(Assert.IsType<byte[]>(archive.Read("b", 10)));
        Assert.Equal(large, Assert.IsType<byte[]>(archive.Read("a", large.Length)));
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => archive.Read("c", 10));
    }
}
