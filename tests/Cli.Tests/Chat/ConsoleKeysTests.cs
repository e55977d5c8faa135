using Tessera.Cli.Chat.Editing;

namespace Tessera.Cli.Tests.Chat;

/// <summary>What .NET 10 makes of a terminal's bytes was recorded in tmux; here it is put together again.</summary>
public sealed class ConsoleKeysTests
{
    [Fact]
    internal void A_bracketed_paste_is_one_key()
    {
        Assert.Equal([new Key(KeyKind.Paste, "x\ny\nz"), new Key(KeyKind.Text, "q")], ReadAll("\e[200~x\ry\r\nz\e[201~q"));
        Assert.Equal([new Key(KeyKind.Paste, "a[31mb")], ReadAll("\e[200~a\e[31mb\a\e[201~"));
    }

    [Theory]
    [InlineData("\e\r", KeyKind.NewLine)]
    [InlineData("\e[13;2u", KeyKind.NewLine)]
    [InlineData("\eb", KeyKind.WordLeft)]
    [InlineData("\ef", KeyKind.WordRight)]
    [InlineData("\ed", KeyKind.KillWordAfter)]
    [InlineData("\e", KeyKind.Cancel)]
    [InlineData("\e[99;99X", KeyKind.Unknown)]
    [InlineData("\r", KeyKind.Send)]
    [InlineData("\n", KeyKind.NewLine)]
    [InlineData("\t", KeyKind.Complete)]
    [InlineData("\u0001", KeyKind.Home)]
    [InlineData("\u0005", KeyKind.End)]
    [InlineData("\u000b", KeyKind.KillToEnd)]
    [InlineData("\u0015", KeyKind.KillToStart)]
    [InlineData("\u0017", KeyKind.KillWordBefore)]
    [InlineData("\u0003", KeyKind.Interrupt)]
    [InlineData("\u0004", KeyKind.EndOfInput)]
    internal void Sequences_are_put_together(string typed, KeyKind expected) => Assert.Equal([new Key(expected)], ReadAll(typed));

    [Fact]
    internal void Characters_beyond_the_first_plane_are_one_key() =>
        Assert.Equal([new Key(KeyKind.Text, "日"), new Key(KeyKind.Text, "😀"), new Key(KeyKind.Text, "é")], ReadAll("日😀é"));

    [Fact]
    internal void A_reply_of_the_terminal_is_told_from_typing()
    {
        var raw = new RawKeys("ab\e[?65;4;6cd");
        var keys = new ConsoleKeys(TextWriter.Null, raw);
        Assert.Equal("\e[?65;4;6c", keys.Ask("\e[c", 'c', TimeSpan.FromSeconds(10)));
        Assert.Equal(["a", "b", "d"], Enumerable.Range(0, 3).Select(_ => keys.Read().Text));
        Assert.Null(keys.Ask("\e[c", 'c', TimeSpan.FromMilliseconds(20)));
    }

    private static List<Key> ReadAll(string typed)
    {
        var raw = new RawKeys(typed);
        var keys = new ConsoleKeys(TextWriter.Null, raw);
        var read = new List<Key>();
        while (raw.IsAvailable)
            read.Add(keys.Read());
        return read;
    }

    private sealed class RawKeys(string typed) : IRawKeys
    {
        private readonly Queue<char> unread = new(typed);

        public bool IsAvailable => unread.Count > 0;

        public bool TakesInterrupts
        {
            set { }
        }

        public bool Wait(TimeSpan patience) => IsAvailable;

        public ConsoleKeyInfo Read()
        {
            char character = unread.Dequeue();
            return character switch
            {
                '\r' => new ConsoleKeyInfo(character, ConsoleKey.Enter, false, false, false),
                '\n' => new ConsoleKeyInfo(character, ConsoleKey.Enter, false, false, true),
                '\t' => new ConsoleKeyInfo(character, ConsoleKey.Tab, false, false, false),
                '\e' => new ConsoleKeyInfo(character, ConsoleKey.Escape, false, false, false),
                < ' ' => new ConsoleKeyInfo(character, ConsoleKey.A + (character - 1), false, false, true),
                _ => new ConsoleKeyInfo(character, ConsoleKey.None, false, false, false),
            };
        }
    }
}
