using Tessera.Cli.Chat;

namespace Tessera.Cli.Tests.Chat;

public sealed class ProgressLineTests
{
    [Fact]
    public void It_says_how_many_slices_are_encoded_and_leaves_nothing_behind()
    {
        var screen = new ScreenModel(80);
        var line = new ProgressLine(screen, () => screen.Width) { SliceCount = 10 };
        line.Report(new EngineProgress(EngineStage.Encode, 0.3));
        Assert.Equal(["Encoding ██████░░░░░░░░░░░░░░ 3 of 10 slices"], screen.Lines);
        line.Report(new EngineProgress(EngineStage.Prefill, 0.5));
        Assert.Equal(["Reading the prompt ██████████░░░░░░░░░░ 50 %"], screen.Lines);
        line.Close();
        line.Report(new EngineProgress(EngineStage.Prefill, 1));
        Assert.Equal([""], screen.Lines);
        Assert.Equal(0, screen.CursorColumn);
    }

    [Theory]
    [InlineData(30, "Encoding 3 of 10 slices")]
    [InlineData(10, "Encoding ")]
    [InlineData(1, "")]
    public void It_never_wraps(int width, string expected)
    {
        var screen = new ScreenModel(width);
        new ProgressLine(screen, () => screen.Width) { SliceCount = 10 }.Report(new EngineProgress(EngineStage.Encode, 0.3));
        Assert.Equal([expected.TrimEnd()], screen.Lines);
    }
}
