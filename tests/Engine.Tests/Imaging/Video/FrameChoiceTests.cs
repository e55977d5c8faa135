using System.Text.Json;
using Tessera.Imaging.Video;

namespace Tessera.Engine.Tests.Imaging.Video;

/// <summary>Which frames are chosen: numpy's numbers, and what the authors' rules gave for the goldens.</summary>
public sealed class FrameChoiceTests
{
    [Theory]
    // numpy.linspace(first, last, count, dtype=int)
    [InlineData(0, 10, 4, new[] { 0, 3, 6, 10 })]
    [InlineData(0, 31, 16, new[] { 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 31 })]
    [InlineData(5, 97, 7, new[] { 5, 20, 35, 51, 66, 81, 97 })]
    [InlineData(0, 99, 1, new[] { 0 })]
    public void End_to_end_is_numpys_linspace(int first, int last, int wanted, int[] expected) =>
        Assert.Equal(expected, FrameChoices.Choose(FrameChoice.EndToEnd, new FrameStretch(first, last), wanted, null));

    [Fact]
    public void Steps_that_are_no_whole_numbers_are_cut()
    {
        int[] chosen = FrameChoices.Choose(FrameChoice.EndToEnd, new FrameStretch(0, 999), 32, 25);
        Assert.Equal([0, 32, 64, 96, 128, 161, 193, 225, 257, 290, 322, 354], chosen.Take(12));
        Assert.Equal([902, 934, 966, 999], chosen.TakeLast(4));
    }

    [Theory]
    [InlineData(FrameChoice.EndToEnd)]
    [InlineData(FrameChoice.RoundedMiddles)]
    public void Frames_are_never_repeated(FrameChoice choice) =>
        Assert.Equal([3, 4, 5], FrameChoices.Choose(choice, new FrameStretch(3, 5), 8, null));

    [Theory]
    [InlineData("internvl", FrameChoice.RoundedMiddles)]
    [InlineData("minicpm-v", FrameChoice.EachSecond)]
    public void Other_families_choose_as_their_authors_do(string family, FrameChoice choice)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(RepositoryRoot.Path("tests", "goldens", family, "video.json")));
        Assert.NotEqual(0, golden.RootElement.GetArrayLength());
        foreach (JsonElement entry in golden.RootElement.EnumerateArray())
        {
            int[] expected = [.. entry.GetProperty("indexes").EnumerateArray().Select(static index => index.GetInt32())];
            var stretch = new FrameStretch(0, entry.GetProperty("total").GetInt32() - 1);
            Assert.Equal(expected, FrameChoices.Choose(choice, stretch, entry.GetProperty("frame_count").GetInt32(), null));
        }
    }

    [Fact]
    public void One_frame_a_second_until_there_are_too_many()
    {
        Assert.Equal([0, 25, 50, 75], FrameChoices.Choose(FrameChoice.EachSecond, new FrameStretch(0, 99), 64, 25.2));
        // 40 seconds, of which the middles of four parts.
        Assert.Equal([125, 375, 625, 875], FrameChoices.Choose(FrameChoice.EachSecond, new FrameStretch(0, 999), 4, 25));
    }

    [Fact]
    public void Nothing_to_choose_from_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => FrameChoices.Choose(FrameChoice.EndToEnd, new FrameStretch(0, 9), 0, null));
        Assert.Throws<ArgumentOutOfRangeException>(() => FrameChoices.Choose(FrameChoice.EndToEnd, new FrameStretch(1, 0), 4, null));
    }
}
