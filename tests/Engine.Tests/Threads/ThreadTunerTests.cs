using Tessera.Compute.Threads;

namespace Tessera.Engine.Tests.Threads;

/// <summary>The tuner on a machine that is played: threads that wait for each other, beside other programs that may be seen or
/// not.</summary>
public sealed class ThreadTunerTests
{
    private const double Millisecond = 1e-3;

    [Theory]
    [InlineData(2, 40, 0.02)]
    [InlineData(16, 40, 0.02)]
    [InlineData(2, 3, 2)]
    [InlineData(16, 8, 1.5)]
    [InlineData(2, 0.4, 0.3)]
    public void On_an_idle_machine_it_takes_at_most_a_tenth_longer_than_the_best_fixed_count(int processors, double work, double each)
    {
        var machine = new PlayedMachine(processors) { Work = work * Millisecond, EachThread = each * Millisecond };
        var tuner = new ThreadTuner(processors);
        double taken = machine.Run(tuner, 400);
        double best = Enumerable.Range(1, processors).Min(machine.StepTime) * 400;
        Assert.InRange(taken, best * 0.999, best * 1.1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Beside_a_busy_program_it_is_soon_as_fast_as_with_the_best_fixed_count(bool isSeen)
    {
        var machine = new PlayedMachine(2) { Work = 40 * Millisecond, IsSeen = isSeen };
        var tuner = new ThreadTuner(2);
        machine.Run(tuner, 20);
        machine.BusyOthers = 1;
        double first = machine.Run(tuner, 10),
            alone = machine.StepTime(1) * 10;
        Assert.InRange(first, 0, alone + 5 * machine.StepTime(2));
        Assert.InRange(machine.Run(tuner, 500), 0, machine.StepTime(1) * 500 * 1.1);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 1200)]
    public void What_others_give_back_is_taken(bool isSeen, int within)
    {
        var machine = new PlayedMachine(2)
        {
            Work = 40 * Millisecond,
            IsSeen = isSeen,
            BusyOthers = 1,
        };
        var tuner = new ThreadTuner(2);
        machine.Run(tuner, 100);
        machine.BusyOthers = 0;
        machine.Run(tuner, within);
        Assert.InRange(machine.Run(tuner, 200), 0, machine.StepTime(2) * 200 * 1.1);
    }

    // Memory that others use too: two threads were measured in a slow second, one in a fast one.
    [Fact]
    public void A_slow_second_takes_no_thread_away()
    {
        var machine = new PlayedMachine(2) { Work = 40 * Millisecond };
        var tuner = new ThreadTuner(2);
        machine.Run(tuner, 200);
        double alone = machine.StepTime(1);
        for (int step = 0; step < 40; step++)
        {
            int count = tuner.Choose(2, isLimit: false, alone);
            tuner.Add(count, count == 1 ? alone : alone * 1.08);
        }

        Assert.InRange(machine.Run(tuner, 200), 0, machine.StepTime(2) * 200 * 1.1);
    }

    [Theory]
    [InlineData(1.2)]
    [InlineData(1.9)]
    public void Threads_that_sleep_where_they_wait_are_tried_beside_busy_programs(double penalty)
    {
        var machine = new PlayedMachine(2)
        {
            Work = 40 * Millisecond,
            BusyOthers = 2,
            Penalty = penalty,
        };
        var tuner = new ThreadTuner(2);
        machine.Run(tuner, 20);
        double best = Math.Min(machine.StepTime(1), machine.StepTime(2)) * 300;
        Assert.InRange(machine.Run(tuner, 300), best * 0.999, best * 1.1);
    }

    [Fact]
    public void One_slow_step_changes_nothing_and_two_do()
    {
        var tuner = new ThreadTuner(2);
        int Next() => tuner.Choose(2, true, 1);
        for (int step = 0; step < 12; step++)
        {
            int chosen = Next();
            tuner.Add(chosen, chosen == 2 ? 0.010 : 0.018);
        }

        int count = Next();
        Assert.Equal(2, count);
        tuner.Add(count, 0.5);
        Assert.Equal(2, count = Next());
        tuner.Add(count, 0.5);
        Assert.Equal(1, Next());
    }

    [Fact]
    public void Short_work_starts_on_one_thread_and_long_work_on_all_there_is_room_for()
    {
        Assert.Equal(1, new ThreadTuner(8).Choose(8, true, expectedSeconds: 0.0002));
        Assert.Equal(8, new ThreadTuner(8).Choose(8, true, expectedSeconds: 0.2));
        Assert.Equal(3, new ThreadTuner(8).Choose(3, true, expectedSeconds: 0.2));
        Assert.Equal(1, new ThreadTuner(8).Choose(0, true, expectedSeconds: 0.2));
    }

    [Fact]
    public void Room_that_changes_by_one_is_no_reason_to_try_everything_anew()
    {
        var machine = new PlayedMachine(16) { Work = 80 * Millisecond };
        var tuner = new ThreadTuner(16);
        double taken = 0,
            best = 0;
        for (int step = 0; step < 400; step++)
        {
            machine.BusyOthers = step % 3;
            taken += machine.Run(tuner, 1);
            best += machine.StepTime(16 - step % 3);
        }

        Assert.InRange(taken, best * 0.999, best * 1.1);
    }

    [Fact]
    public void Steps_of_different_length_are_compared_by_the_unit()
    {
        var tuner = new ThreadTuner(2);
        for (int step = 0; step < 60; step++)
        {
            double rows = step % 2 == 0 ? 100 : 400;
            int count = tuner.Choose(2, true, 1);
            tuner.Add(count, rows * (count == 2 ? 0.0006 : 0.001), rows);
        }

        Assert.Equal(2, tuner.Choose(2, true, 1));
    }

    /// <summary>Processors and what else keeps them busy.</summary>
    private sealed class PlayedMachine(int processors)
    {
        /// <summary>Of a step on one thread, in seconds.</summary>
        public double Work { get; init; }

        /// <summary>What each thread more costs.</summary>
        public double EachThread { get; init; }

        public int BusyOthers { get; set; }

        /// <summary>Whether the system tells of the others.</summary>
        public bool IsSeen { get; init; } = true;

        /// <summary>How much longer a step takes where a thread has no processor of its own: ten times as long were figures of
        /// ggml's.</summary>
        public double Penalty { get; init; } = 10;

        public double StepTime(int count) =>
            (Work / count + EachThread * (count - 1)) * (count > Math.Max(1, processors - BusyOthers) ? Penalty : 1);

        public double Run(ThreadTuner tuner, int steps)
        {
            double total = 0;
            for (int step = 0; step < steps; step++)
            {
                int count = tuner.Choose(IsSeen ? ProcessorLoad.RoomFor(processors, BusyOthers) : processors, Penalty > 2, Work);
                double time = StepTime(count);
                tuner.Add(count, time);
                total += time;
            }

            return total;
        }
    }
}
