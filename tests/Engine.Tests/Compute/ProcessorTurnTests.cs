using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

[Collection(nameof(Alone))]
public sealed class ProcessorTurnTests
{
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
            .WaitAsync(Patience.Limit);
        Assert.Equal(180, done);
        Assert.False(tooMany);
    }

    [Fact]
    public async Task A_long_computation_lets_a_short_one_in_where_it_yields()
    {
        using var begun = new ManualResetEventSlim();
        var order = new List<string>();
        Task longOne = Start(() =>
            ProcessorTurn.Take(
                Environment.ProcessorCount,
                () =>
                {
                    begun.Set();
                    Assert.True(SpinWait.SpinUntil(static () => ProcessorTurn.IsAsked, Patience.Limit));
                    ProcessorTurn.Yield();
                    order.Add("long");
                    return 0;
                }
            )
        );
        Task shortOne = Start(() =>
        {
            Assert.True(begun.Wait(Patience.Limit));
            ProcessorTurn.Take(
                0,
                () =>
                {
                    order.Add("short");
                    return 0;
                }
            );
        });
        await Task.WhenAll(longOne, shortOne).WaitAsync(Patience.Limit);
        Assert.Equal(["short", "long"], order);
    }

    [Fact]
    public async Task What_comes_together_gets_half_each_and_one_alone_all()
    {
        using var begun = new ManualResetEventSlim();
        using var arrived = new ManualResetEventSlim();
        Task<int> first = Start(() =>
            ProcessorTurn.Take(
                0,
                () =>
                {
                    begun.Set();
                    // The other waits, or is computing beside it.
                    Assert.True(SpinWait.SpinUntil(() => ProcessorTurn.IsAsked || arrived.IsSet, Patience.Limit));
                    return ProcessorTurn.Share;
                }
            )
        );
        Assert.True(begun.Wait(Patience.Limit));
        int second = await Start(() =>
                ProcessorTurn.Take(
                    0,
                    () =>
                    {
                        arrived.Set();
                        return ProcessorTurn.Share;
                    }
                )
            )
            .WaitAsync(Patience.Limit);
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
        Assert.Equal(7, await next.WaitAsync(Patience.Limit));
    }

    [Fact]
    public void A_turn_within_a_turn_is_the_same_and_yielding_without_one_does_nothing()
    {
        ProcessorTurn.Yield();
        Assert.Equal(3, ProcessorTurn.Take(0, static () => 1 + ProcessorTurn.Take(0, static () => 2)));
    }

    private static Task Start(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task<int> Start(Func<int> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
