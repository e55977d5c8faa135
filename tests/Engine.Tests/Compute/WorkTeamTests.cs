using Tessera.Compute.Kernels;

namespace Tessera.Engine.Tests.Compute;

/// <summary>Units of work among threads.</summary>
public sealed class WorkTeamTests
{
    [Theory]
    [InlineData(1, 7)]
    [InlineData(2, 1)]
    [InlineData(2, 100)]
    [InlineData(1000, 100)] // more threads than any machine has
    public void Every_unit_is_computed_once(int threads, int units)
    {
        for (int round = 0; round < 50; round++)
        {
            var counts = new int[units];
            WorkSharing.Share(threads, units, (_, unit) => Interlocked.Increment(ref counts[unit]));
            Assert.All(counts, static count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void Callers_at_once_all_get_their_work_done()
    {
        int done = 0;
        Parallel.For(0, 8, _ => WorkSharing.Share(2, 50, (_, _) => WorkSharing.Share(2, 2, (_, _) => Interlocked.Increment(ref done))));
        Assert.Equal(8 * 50 * 2, done);
    }

    [Fact]
    public void What_fails_on_any_thread_is_thrown()
    {
        for (int round = 0; round < 20; round++)
            Assert.ThrowsAny<Exception>(() =>
                WorkSharing.Share(2, 40, static (_, unit) => ArgumentOutOfRangeException.ThrowIfEqual(unit, 33))
            );
        int done = 0;
        WorkSharing.Share(2, 40, (_, _) => Interlocked.Increment(ref done));
        Assert.Equal(40, done);
    }
}
