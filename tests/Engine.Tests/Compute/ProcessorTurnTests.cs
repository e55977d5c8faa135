using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

public sealed class ProcessorTurnTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Computations_never_have_more_threads_together_than_there_are_processors()
    {
        int running = 0,
            done = 0;
        bool tooMany = false;
        void Compute()
        {
            int share = ProcessorTurn.Share;
            tooMany |= Interlocked.Add(ref running, share) > Environment.ProcessorCount;
            Thread.SpinWait(2000);
            Interlocked.Add(ref running, -share);
        }

        await Task.WhenAll(
                Enumerable
                    .Range(0, 6)
                    .Select(_ =>
                        Start(() =>
                        {
                            for (int round = 0; round < 30; round++)
                            {
                                ProcessorTurn.Take(
                                    0,
                                    () =>
                                    {
                                        Compute();
                                        ProcessorTurn.Yield();
                                        Compute();
                                        return Interlocked.Increment(ref done);
                                    }
                                );
                            }
                        })
                    )
            )
            .WaitAsync(Limit);
        Assert.Equal(180, done);
        Assert.False(tooMany);
    }

    [Fact]
    public async Task A_long_computation_lets_a_short_one_in_where_it_yields()
    {
        using var begun = new ManualResetEventSlim();
        using var asking = new ManualResetEventSlim();
        var order = new List<string>();
        Task longOne = Start(() =>
            ProcessorTurn.Take(
                0,
                () =>
                {
                    begun.Set();
                    Assert.True(asking.Wait(Limit));
                    for (int layer = 0; layer < 100 && order.Count == 0; layer++)
                    {
                        Thread.Sleep(5);
                        ProcessorTurn.Yield();
                    }

                    order.Add("long");
                    return 0;
                }
            )
        );
        Task shortOne = Start(() =>
        {
            Assert.True(begun.Wait(Limit));
            asking.Set();
            ProcessorTurn.Take(
                0,
                () =>
                {
                    order.Add("short");
                    return 0;
                }
            );
        });
        await Task.WhenAll(longOne, shortOne).WaitAsync(Limit);
        Assert.Equal(["short", "long"], order);
    }

    [Fact]
    public async Task What_comes_together_gets_half_each_and_one_alone_all()
    {
        using var begun = new ManualResetEventSlim();
        using var arriving = new ManualResetEventSlim();
        Task<int> first = Task.Run(() =>
            ProcessorTurn.Take(
                0,
                () =>
                {
                    begun.Set();
                    arriving.Wait(Limit);
                    Thread.Sleep(100);
                    return ProcessorTurn.Share;
                }
            )
        );
        Assert.True(begun.Wait(Limit));
        int second = await Task.Run(() =>
            {
                arriving.Set();
                return ProcessorTurn.Take(0, static () => ProcessorTurn.Share);
            })
            .WaitAsync(Limit);
        Assert.Equal(Math.Max(1, Environment.ProcessorCount / 2), second);
        Assert.InRange(await first, second, Environment.ProcessorCount);
        int[] shared =
        [
            .. Enumerable.Range(0, 40).Select(static _ => ShareAfter(100)).TakeWhile(static share => share < Environment.ProcessorCount),
        ];
        Assert.True(shared.Length < 40);
    }

    private static int ShareAfter(int milliseconds)
    {
        Thread.Sleep(milliseconds);
        return ProcessorTurn.Take(0, static () => ProcessorTurn.Share);
    }

    [Fact]
    public void A_fixed_count_stays() => Assert.Equal(1, ProcessorTurn.Take(1, static () => ProcessorTurn.Share));

    [Fact]
    public async Task A_failure_gives_the_turn_on()
    {
        Assert.Throws<InvalidOperationException>(static () =>
            ProcessorTurn.Take<int>(0, static () => throw new InvalidOperationException())
        );
        Task<int> next = Task.Run(static () => ProcessorTurn.Take(0, static () => 7));
        Assert.Equal(7, await next.WaitAsync(Limit));
    }

    [Fact]
    public void A_turn_within_a_turn_is_the_same_and_yielding_without_one_does_nothing()
    {
        ProcessorTurn.Yield();
        Assert.Equal(3, ProcessorTurn.Take(0, static () => 1 + ProcessorTurn.Take(0, static () => 2)));
    }

    private static Task Start(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
