using System.Text;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

/// <summary>Streaming never cuts a character and never shows the beginning of a stop string.</summary>
public sealed class AnswerTextTests
{
    [Theory]
    [InlineData("naïve — 写真 🐈‍⬛ ok")]
    [InlineData("🇩🇪🧑🏽‍🚀é")]
    public void Bytes_one_by_one_give_whole_characters(string text)
    {
        var answer = new AnswerText([]);
        var shown = new StringBuilder();
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            string piece = answer.Append([value]);
            Assert.DoesNotContain('\ufffd', piece);
            Assert.False(piece.Length > 0 && char.IsHighSurrogate(piece[^1]), "A surrogate pair was cut.");
            shown.Append(piece);
        }

        Assert.Equal(text, shown + answer.Finish());
    }

    [Fact]
    public void An_unfinished_character_at_the_end_becomes_one_replacement()
    {
        var answer = new AnswerText([]);
        Assert.Equal("a", answer.Append([(byte)'a', 0xF0, 0x9F]));
        Assert.Equal("\ufffd", answer.Finish());
    }

    [Fact]
    public void Invalid_bytes_are_replaced_and_the_rest_goes_on()
    {
        var answer = new AnswerText([]);
        Assert.Equal("a\ufffdb", answer.Append([(byte)'a', 0xFF, (byte)'b']) + answer.Finish());
    }

    [Theory]
    [InlineData("one END two", "END", "one ")]
    [InlineData("one ENEND two", "END", "one EN")]
    [InlineData("no stop EN", "END", "no stop EN")]
    [InlineData("END", "END", "")]
    public void A_stop_string_ends_the_text_before_it(string text, string stop, string expected)
    {
        var answer = new AnswerText([stop]);
        var shown = new StringBuilder();
        foreach (byte value in Encoding.UTF8.GetBytes(text))
            shown.Append(answer.Append([value]));
        shown.Append(answer.Finish());
        Assert.Equal(expected, shown.ToString());
        Assert.Equal(text.Contains(stop, StringComparison.Ordinal), answer.IsStopped);
    }

    [Fact]
    public void What_may_become_a_stop_string_is_held_back()
    {
        var answer = new AnswerText(["###", "\nUser:"]);
        Assert.Equal("a", answer.Append("a#"u8));
        Assert.Equal("", answer.Append("#"u8));
        Assert.Equal("##b", answer.Append("b"u8));
        Assert.Equal("", answer.Append("\nUs"u8));
        Assert.Equal("\nUsed", answer.Append("ed"u8));
    }

    [Fact]
    public void The_earliest_of_several_stop_strings_counts()
    {
        var answer = new AnswerText(["b", "ab"]);
        Assert.Equal("x", answer.Append("xab"u8));
        Assert.True(answer.IsStopped);
        Assert.Equal("", answer.Append("more"u8));
    }
}
