using Tessera.Cli.Chat;
using Tessera.Cli.Chat.Images;

namespace Tessera.Cli.Tests.Chat;

public sealed class PictureProtocolsTests
{
    [Theory]
    [InlineData("TERM=xterm-256color KITTY_WINDOW_ID=1", null, ImageProtocol.Kitty)]
    [InlineData("TERM=xterm-ghostty", null, ImageProtocol.Kitty)]
    [InlineData("TERM=xterm-256color TERM_PROGRAM=iTerm.app", null, ImageProtocol.ITerm2)]
    [InlineData("TERM=xterm-256color TERM_PROGRAM=WezTerm", null, ImageProtocol.ITerm2)]
    [InlineData("TERM=xterm-256color", "\e[?65;4;6c", ImageProtocol.Sixel)]
    [InlineData("TERM=xterm-256color COLORTERM=truecolor", "\e[?64;1;2c", ImageProtocol.HalfBlocks)]
    [InlineData("TERM=xterm-256color", "\e[?4;6c", ImageProtocol.HalfBlocks256)]
    [InlineData("TERM=xterm-256color", null, ImageProtocol.HalfBlocks256)]
    [InlineData("TERM=tmux-256color TMUX=x KITTY_WINDOW_ID=1 COLORTERM=24bit", null, ImageProtocol.HalfBlocks)]
    [InlineData("TERM=xterm-kitty NO_COLOR=1", null, ImageProtocol.None)]
    [InlineData("TERM=dumb", "\e[?65;4;6c", ImageProtocol.None)]
    internal void The_terminal_says_what_it_can(string environment, string? reply, ImageProtocol expected)
    {
        Dictionary<string, string> variables = environment
            .Split(' ')
            .Select(static pair => pair.Split('='))
            .ToDictionary(static pair => pair[0], static pair => pair[1]);
        Assert.Equal(
            expected,
            ImageProtocols.Detect(variables.GetValueOrDefault, (question, final, _) => question == "\e[c" && final == 'c' ? reply : null)
        );
    }

    [Fact]
    public async Task The_first_interrupt_stops_the_answer_and_a_quick_second_one_leaves()
    {
        var clock = new Clock();
        using var interrupts = Interrupts.Without(clock);
        await StopAsync(interrupts);
        Assert.True(interrupts.IsRecent);
        Assert.False(interrupts.Leaving.IsCancellationRequested);

        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(interrupts.IsRecent);
        await StopAsync(interrupts);
        Assert.False(interrupts.Leaving.IsCancellationRequested);
        clock.Advance(TimeSpan.FromSeconds(0.5));
        await StopAsync(interrupts);
        Assert.True(interrupts.Leaving.IsCancellationRequested);
    }

    [Fact]
    public void An_interrupt_while_nothing_runs_leaves()
    {
        using var interrupts = Interrupts.Without(TimeProvider.System);
        interrupts.Press();
        Assert.True(interrupts.Leaving.IsCancellationRequested);
    }

    [Fact]
    public async Task An_interrupt_while_what_was_stopped_goes_on_leaves()
    {
        var clock = new Clock();
        using var interrupts = Interrupts.Without(clock);
        var stuck = new TaskCompletionSource();
        Task work = interrupts.RunAsync(_ => stuck.Task);
        interrupts.Press();
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.False(interrupts.Leaving.IsCancellationRequested);
        interrupts.Press();
        Assert.True(interrupts.Leaving.IsCancellationRequested);
        stuck.SetResult();
        await work;
    }

    private static async Task StopAsync(Interrupts interrupts)
    {
        Task work = interrupts.RunAsync(static token => Task.Delay(Timeout.Infinite, token));
        interrupts.Press();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work);
    }

    private sealed class Clock : TimeProvider
    {
        private long ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => ticks;

        public void Advance(TimeSpan time) => ticks += time.Ticks;
    }
}
