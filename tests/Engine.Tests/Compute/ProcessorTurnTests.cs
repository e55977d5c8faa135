using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

public sealed class ProcessorTurnTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Two_computations_never_run_at_once()
    {
        int running = 0,
            done = 0;
        bool overlapped = false;
        void Compute()
        {
            overlapped |= Interlocked.Increment(ref running) != 1;
            Thread.SpinWait(2000);
            Interlocked.Decrement(ref running);
        }

        await Task.WhenAll(
                Enumerable
                    .Range(0, 6)
                    .Select(_ =>
                        Start(() =>
                        {
                            for (int round = 0; round < 30; round++)
                            {
                                ProcessorTurn.Take(() =>
                                {
                                    Compute();
                                    ProcessorTurn.Yield();
                                    Compute();
                                    return Interlocked.Increment(ref done);
                                });
                            }
                        })
                    )
            )
            .WaitAsync(Limit);
        Assert.Equal(180, done);
        Assert.False(overlapped);
    }

    [Fact]
    public async Task A_long_computation_lets_a_short_one_in_where_it_yields()
    {
        using var begun = new ManualResetEventSlim();
        using var asking = new ManualResetEventSlim();
        var order = new List<string>();
        Task longOne = Start(() =>
            ProcessorTurn.Take(() =>
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
            })
        );
        Task shortOne = Start(() =>
        {
            Assert.True(begun.Wait(Limit));
            asking.Set();
            ProcessorTurn.Take(() =>
            {
                order.Add("short");
                return 0;
            });
        });
        await Task.WhenAll(longOne, shortOne).WaitAsync(Limit);
        Assert.Equal(["short", "long"], order);
    }

    [Fact]
    public async Task A_failure_gives_the_turn_on()
    {
        Assert.Throws<InvalidOperationException>(static () => ProcessorTurn.Take<int>(static () => throw new InvalidOperationException()));
        Task<int> next = Task.Run(static () => ProcessorTurn.Take(static () => 7));
        Assert.Equal(7, await next.WaitAsync(Limit));
    }

    [Fact]
    public void A_turn_within_a_turn_is_the_same_and_yielding_without_one_does_nothing()
    {
        ProcessorTurn.Yield();
        Assert.Equal(3, ProcessorTurn.Take(static () => 1 + ProcessorTurn.Take(static () => 2)));
    }

    private static Task Start(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
