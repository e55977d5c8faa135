using Tessera.Text.Scheduling;

namespace Tessera.Engine.NativeTests;

/// <summary>Holds a model between two steps, so that what it answers is over no sooner than a test wants. To be disposed before the
/// model.</summary>
internal sealed class AnswerHold : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5),
        LongestPause = TimeSpan.FromSeconds(1);
    private readonly AnswerScheduler scheduler;
    private readonly SemaphoreSlim steps = new(0);
    private volatile bool isOver;

    public AnswerHold(MultimodalModel model)
    {
        scheduler = model.Scheduler;
        StandBeforeNextStep();
    }

    /// <summary>Lets it make one step after another until something has come of it. The pauses grow, so that an answer of a thousand tokens
    /// would take half an hour.</summary>
    public async Task StepUntilAsync(Task outcome)
    {
        for (TimeSpan pause = FirstPause; !outcome.IsCompleted; pause = pause < LongestPause ? pause * 1.05 : pause)
        {
            steps.Release();
            await Task.WhenAny(outcome, Task.Delay(pause));
        }

        await outcome;
    }

    /// <summary>Lets it go on.</summary>
    public void Dispose()
    {
        isOver = true;
        steps.Release();
    }

    private void StandBeforeNextStep() =>
        scheduler.RunAsync(
            (_, _) =>
            {
                steps.Wait();
                if (!isOver)
                    StandBeforeNextStep();
                return 0;
            }
        );
}
