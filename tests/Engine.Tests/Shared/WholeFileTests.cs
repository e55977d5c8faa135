using System.Diagnostics;
using System.Text;
using Tessera.Engine.Tests.Gguf;
using Tessera.Grammars;
using Tessera.Shared;

namespace Tessera.Engine.Tests.Shared;

/// <summary>Files that are written appear whole or not at all, and nothing else changes.</summary>
public sealed class WholeFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_is_replaced_and_nothing_is_left_beside_it()
    {
        string path = folder.File("a.bin", [1, 2, 3]);
        WholeFile.Write(path, static stream => stream.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.FullName));
    }

    [Fact]
    public void A_failure_leaves_what_there_was()
    {
        string path = folder.File("a.bin", [1, 2, 3]);
        Assert.Throws<IOException>(() =>
            WholeFile.Write(
                path,
                static stream =>
                {
                    stream.Write(new byte[1 << 20]);
                    throw new IOException("The disk is full.");
                }
            )
        );
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder.FullName));
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(
        UnixFileMode.UserRead
            | UnixFileMode.UserWrite
            | UnixFileMode.GroupRead
            | UnixFileMode.GroupWrite
            | UnixFileMode.OtherRead
            | UnixFileMode.OtherWrite
    )]
    public void A_mode_is_kept(UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
            return;
        string path = folder.File("a.bin", [1]);
        File.SetUnixFileMode(path, mode);
        WholeFile.Write(path, static stream => stream.WriteByte(2));
        Assert.Equal(mode, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_link_stays_a_link()
    {
        if (OperatingSystem.IsWindows())
            return;
        string target = folder.File("target.bin", [1]),
            link = folder.File("link.bin"),
            other = folder.File("other.bin"),
            open = folder.File("open.bin");
        File.CreateSymbolicLink(link, other);
        File.CreateSymbolicLink(other, target);
        File.CreateSymbolicLink(open, folder.File("to come.bin"));
        WholeFile.Write(link, static stream => stream.WriteByte(2));
        WholeFile.Write(open, static stream => stream.WriteByte(3));
        Assert.Equal([2], File.ReadAllBytes(target));
        Assert.Equal([3], File.ReadAllBytes(folder.File("to come.bin")));
        Assert.All((string[])[link, other, open], static name => Assert.NotNull(new FileInfo(name).LinkTarget));
    }

    [Fact]
    public void Links_in_a_circle_are_refused()
    {
        if (OperatingSystem.IsWindows())
            return;
        File.CreateSymbolicLink(folder.File("a"), folder.File("b"));
        File.CreateSymbolicLink(folder.File("b"), folder.File("a"));
        Assert.ThrowsAny<IOException>(() => WholeFile.Write(folder.File("a"), static stream => stream.WriteByte(2)));
        Assert.False(FileKind.HasContents(folder.File("a")));
    }

    [Fact]
    public void What_a_killed_run_left_goes_with_the_next_write_and_what_is_being_written_stays()
    {
        string left = folder.File($".tessera-{Guid.NewGuid():N}.tmp", [1, 2]),
            mine = folder.File(".tessera-notes.txt", [1]);
        string[]? during = null;
        WholeFile.Write(
            folder.File("a.bin"),
            _ =>
            {
                WholeFile.Write(folder.File("b.bin"), static stream => stream.WriteByte(2));
                during = Directory.GetFiles(folder.FullName, "*.tmp");
            }
        );
        Assert.Single(during!);
        Assert.DoesNotContain(left, during!);
        Assert.Equal([mine, folder.File("a.bin"), folder.File("b.bin")], Directory.GetFiles(folder.FullName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pipes_and_devices_are_never_opened()
    {
        if (OperatingSystem.IsWindows())
            return;
        string pipe = folder.File("pipe"),
            link = folder.File("link"),
            empty = folder.File("empty", []),
            full = folder.File("full", [1]);
        using (Process make = Process.Start("mkfifo", [pipe]))
            await make.WaitForExitAsync();
        File.CreateSymbolicLink(link, pipe);
        await Task.Run(() =>
            {
                foreach (string name in (string[])[pipe, link, "/dev/null", "/dev/zero"])
                {
                    Assert.True(FileKind.IsSpecial(name), name);
                    Assert.False(FileKind.HasContents(name), name);
                    Assert.Throws<IOException>(() => WholeFile.Write(name, static stream => stream.WriteByte(2)));
                    Assert.False(PromptImage.IsImageFile(name));
                }
            })
            .WaitAsync(Patience.Limit);
        Assert.Equal((false, false), (FileKind.IsSpecial(empty), FileKind.HasContents(empty)));
        Assert.Equal((false, true), (FileKind.IsSpecial(full), FileKind.HasContents(full)));
        Assert.Equal((false, false), (FileKind.IsSpecial(folder.FullName), FileKind.HasContents(folder.FullName)));
        Assert.Equal((false, false), (FileKind.IsSpecial(folder.File("gone")), FileKind.HasContents(folder.File("gone"))));
    }

    [Fact]
    public void Messages_are_one_line_that_steers_nothing()
    {
        var failure = new TesseraException($"a\r\nb\e]0;title\a c\u202Ed\u200F {new string('x', 100_000)} and the way out.");
        Assert.StartsWith("a b]0;title cd xxx", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("xxx and the way out.", failure.Message, StringComparison.Ordinal);
        Assert.InRange(failure.Message.Length, 100, 1300);
        Assert.Equal($"{new string('y', 120)}…", PlainText.Quote(new string('y', 1000)));
        // Never half a character.
        string astral = string.Concat(Enumerable.Repeat("😀", 5000));
        Assert.DoesNotContain(
            '\uFFFD',
            Encoding.UTF8.GetString(
                Encoding.UTF8.GetBytes(PlainText.Sentence(astral) + PlainText.Sentence("x" + astral) + PlainText.Quote("x" + astral))
            )
        );
    }

    [Fact]
    public void Schemas_are_quoted_in_part_only()
    {
        string name = new('n', 50_000);
        foreach (
            string schema in (string[])
                [
                    $$"""{"$ref":"{{name}}"}""",
                    $$"""{"$ref":"#/{{name}}"}""",
                    $$"""{"type":"{{name}}"}""",
                    $$"""{"type":"string","format":"{{name}}"}""",
                    $$"""{"properties":{"{{name}}":{"not":{} } } }""",
                    $$"""{"minimum":{{new string('9', 50_000)}}}""",
                ]
        )
        {
            SchemaException refused = Assert.Throws<SchemaException>(() => AnswerFormat.FromSchema(schema));
            Assert.InRange(refused.Message.Length, 10, 600);
        }
    }
}
