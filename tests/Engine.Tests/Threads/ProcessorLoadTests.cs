using Microsoft.Extensions.Time.Testing;
using Tessera.Compute.Threads;

namespace Tessera.Engine.Tests.Threads;

public sealed class ProcessorLoadTests
{
    private readonly FakeTimeProvider clock = new();
    private ProcessorTimes? times = new ProcessorTimes(TimeSpan.FromHours(5), TimeSpan.FromHours(1));

    [Theory]
    [InlineData(2, 0, 2)]
    [InlineData(2, 0.3, 2)]
    [InlineData(2, 0.7, 1)]
    [InlineData(2, 4, 1)]
    [InlineData(16, 0.03, 16)]
    [InlineData(16, 0.3, 15)]
    [InlineData(16, 1, 15)]
    [InlineData(16, 3.2, 12)]
    [InlineData(16, 40, 1)]
    [InlineData(1, 0, 1)]
    public void Threads_have_room_where_none_is_kept_waiting(int processors, double busy, int expected) =>
        Assert.Equal(expected, ProcessorLoad.RoomFor(processors, busy));

    [Fact]
    public void What_begins_counts_after_one_window_and_what_ends_after_two()
    {
        var load = new ProcessorLoad(clock, () => times);
        Assert.Equal(0, load.BusyByOthers());
        Pass(120, others: 1, own: 1);
        Assert.Equal(1, load.BusyByOthers(), 6);
        Pass(120, others: 0, own: 2);
        Assert.Equal(1, load.BusyByOthers(), 6);
        Pass(120, others: 0, own: 2);
        Assert.Equal(0, load.BusyByOthers(), 6);
    }

    [Fact]
    public void A_short_first_window_is_better_than_none_and_later_ones_are_waited_for()
    {
        var load = new ProcessorLoad(clock, () => times);
        Pass(30, others: 2, own: 0);
        Assert.Equal(2, load.BusyByOthers(), 6);
        Pass(70, others: 2, own: 0);
        Assert.Equal(2, load.BusyByOthers(), 6);
        Pass(50, others: 0, own: 1);
        Assert.Equal(2, load.BusyByOthers(), 6);
    }

    [Fact]
    public void A_system_that_tells_nothing_counts_as_idle()
    {
        times = null;
        var load = new ProcessorLoad(clock, () => times);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, load.BusyByOthers());
    }

    [Fact]
    public void Counters_that_run_backwards_count_as_idle()
    {
        var load = new ProcessorLoad(clock, () => times);
        Pass(150, others: -3, own: 1);
        Assert.Equal(0, load.BusyByOthers());
    }

    [Theory]
    [InlineData("cpu  100 20 30 4000 50 6 7 8 900 0\ncpu0 1 2\n", 1.71)]
    [InlineData("cpu  1 1 1 1 1 1 1 1\n", 0.06)]
    [InlineData("cpu0 1 1 1 1 1 1 1 1", null)]
    [InlineData("cpu 1 2 3", null)]
    [InlineData("cpu 1 2 -3 4 5 6 7 8", null)]
    [InlineData("cpu 1 2 18446744073709551615 4 5 6 7 8", null)]
    [InlineData("", null)]
    public void Linux_statistics_are_read(string text, double? seconds) => Assert.Equal(seconds, ProcessorTimes.Parse(text)?.TotalSeconds);

    [Fact]
    public void This_system_tells_its_times()
    {
        ProcessorTimes? first = ProcessorTimes.Read();
        Assert.NotNull(first);
        Assert.InRange(first.Value.Own, TimeSpan.FromTicks(1), TimeSpan.FromDays(1000));
        Assert.True(first.Value.Busy > TimeSpan.Zero);
    }

    private void Pass(double milliseconds, double others, double own)
    {
        var span = TimeSpan.FromMilliseconds(milliseconds);
        clock.Advance(span);
        times = new ProcessorTimes(times!.Value.Busy + span * (others + own), times.Value.Own + span * own);
    }
}
