using System.Text;
using Tessera.Text;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

/// <summary>
/// Spaces between WordPiece tokens as huggingface/transformers' clean_up_tokenization takes them away; the expected texts are what its
/// ten replacements make, one after another.
/// </summary>
public sealed class TidiedTextTests
{
    [Theory]
    [InlineData("a dog ' s toy .", "a dog's toy.")]
    [InlineData("is it , or isn 't it ?", "is it, or isn 't it?")]
    [InlineData("do n't ! i 'm , you 're , they 've", "don't! i'm, you're, they've")]
    [InlineData("the boy ' and the ' girl", "the boy'and the'girl")]
    [InlineData("it ' . and ' , so", "it '. and ', so")]
    [InlineData("rock ' n ' roll", "rock'n'roll")]
    [InlineData("no spaces - here ; or : there", "no spaces - here ; or : there")]
    [InlineData("an end '", "an end '")]
    [InlineData("", "")]
    public void Whole_and_in_any_pieces(string text, string expected)
    {
        Assert.Equal(expected, TidiedText.Of(text));
        for (int length = 1; length <= Math.Max(1, text.Length); length++)
        {
            var answer = new AnswerText([], tidiesSpaces: true);
            var shown = new StringBuilder();
            foreach (byte[] piece in Encoding.UTF8.GetBytes(text).Chunk(length))
                shown.Append(answer.Append(piece));
            Assert.Equal((length, expected), (length, shown.Append(answer.Finish()).ToString()));
        }
    }

    [Fact]
    public void Only_what_may_lose_a_space_waits()
    {
        var answer = new AnswerText([], tidiesSpaces: true);
        Assert.Equal("a dog", answer.Append("a dog"u8));
        Assert.Equal("", answer.Append(" '"u8));
        Assert.Equal("'s", answer.Append(" s"u8));
        Assert.Equal(" toy", answer.Append(" toy"u8));
        Assert.Equal(".", answer.Append(" ."u8));
    }

    [Fact]
    public void Stop_strings_are_met_in_what_is_shown()
    {
        var answer = new AnswerText(["dog."], tidiesSpaces: true);
        Assert.Equal("a ", answer.Append("a dog"u8));
        Assert.Equal("", answer.Append(" ."u8));
        Assert.True(answer.IsStopped);
    }
}
