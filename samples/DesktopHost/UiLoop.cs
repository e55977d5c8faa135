using System.Collections.Concurrent;
using System.Diagnostics;

namespace Tessera.Samples.DesktopHost;

/// <summary>
/// Stands for a UI thread: a synchronization context, as WPF and Avalonia have one, so that what follows an await comes back here,
/// and a frame every 16 ms. It measures how long each call keeps it, and how many frames come late.
/// </summary>
internal sealed class UiLoop : SynchronizationContext
{
    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(16);
    private static readonly TimeSpan Unnoticed = TimeSpan.FromMilliseconds(50);

    private readonly BlockingCollection<(SendOrPostCallback Call, object? State)> calls = [];

    /// <summary>Frames that were drawn.</summary>
    public int FrameCount { get; private set; }

    /// <summary>Frames that came more than 50 ms after the one before, for whatever reason; a busy machine is one.</summary>
    public int LateFrameCount { get; private set; }

    /// <summary>Frames that had to wait for more than 50 ms because a call kept the loop.</summary>
    public int BlockedFrameCount { get; private set; }

    /// <summary>The longest that one call kept the loop.</summary>
    public TimeSpan LongestCall { get; private set; }

    public override void Post(SendOrPostCallback d, object? state) => calls.Add((d, state));

    /// <summary>Starts something on this thread and draws frames until it ends.</summary>
    public void Run(Func<Task> start)
    {
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            Task? running = null;
            if (Measure(() => running = start()) > Unnoticed)
                BlockedFrameCount++;
            Draw(running!);
            running!.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    private void Draw(Task running)
    {
        long lastFrame = Stopwatch.GetTimestamp();
        while (!running.IsCompleted)
        {
            TimeSpan inCalls = AnswerCalls(FrameTime - Stopwatch.GetElapsedTime(lastFrame));
            if (inCalls > Unnoticed)
                BlockedFrameCount++;
            if (Stopwatch.GetElapsedTime(lastFrame) > Unnoticed)
                LateFrameCount++;
            lastFrame = Stopwatch.GetTimestamp();
            FrameCount++;
        }
    }

    // Works on what was posted until the next frame is due, at least once; returns the time that the calls took.
    private TimeSpan AnswerCalls(TimeSpan left)
    {
        long started = Stopwatch.GetTimestamp();
        TimeSpan inCalls = TimeSpan.Zero;
        do
        {
            TimeSpan wait = left - Stopwatch.GetElapsedTime(started);
            if (!calls.TryTake(out (SendOrPostCallback Call, object? State) next, wait > TimeSpan.Zero ? wait : TimeSpan.Zero))
                break;
            inCalls += Measure(() => next.Call(next.State));
        } while (Stopwatch.GetElapsedTime(started) < left);
        return inCalls;
    }

    private TimeSpan Measure(Action call)
    {
        long started = Stopwatch.GetTimestamp();
        call();
        TimeSpan taken = Stopwatch.GetElapsedTime(started);
        if (taken > LongestCall)
            LongestCall = taken;
        return taken;
    }
}
