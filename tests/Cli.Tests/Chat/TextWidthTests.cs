using Tessera.Cli.Chat;
using Tessera.Cli.Chat.Editing;
using Tessera.Shared;

namespace Tessera.Cli.Tests.Chat;

public sealed class TextWidthTests
{
    [Theory]
    [InlineData("abc", 3)]
    [InlineData("日本語", 6)]
    [InlineData("한국어", 6)]
    [InlineData("e\u0301", 1)]
    [InlineData("😀", 2)]
    [InlineData("👨‍👩‍👧", 2)]
    [InlineData("👍🏽", 2)]
    [InlineData("🇫🇷", 2)]
    [InlineData("❤", 1)]
    [InlineData("❤\uFE0F", 2)]
    [InlineData("ｆｕｌｌ", 8)]
    [InlineData("▀│…", 3)]
    [InlineData("", 0)]
    public void Columns_are_those_a_terminal_takes(string text, int width) => Assert.Equal(width, TextWidth.Of(text));

    [Theory]
    [InlineData("one two three", 8, "one two\nthree")]
    [InlineData("one  two", 20, "one  two")]
    [InlineData("a\n\n  b", 10, "a\n\n  b")]
    [InlineData("日本語日本語", 8, "日本語日\n本語")]
    [InlineData("unbreakable", 5, "unbr\neaka\nble")]
    public void Text_is_broken_between_words(string text, int width, string expected) =>
        Assert.Equal(expected, WordWrap.Break(text, width));

    [Fact]
    public void Control_characters_never_reach_the_terminal() =>
        Assert.Equal("a[2Jb\n\tc日", PlainText.Clean("a\e[2J\ab\n\tc\u009B\u202E\u200F\u2066\u061C\u2028日"));
}
