using System.Diagnostics.CodeAnalysis;
using Tessera.Imaging;

namespace Tessera.Vision.Encoding;

/// <summary>One picture on its way through the encoder, for all answers that wait for it.</summary>
/// <param name="key">What it is.</param>
/// <param name="picture">The picture with its plan.</param>
[SuppressMessage(
    "Design",
    "CA1001",
    Justification = "A source without a timer has nothing to free, and a batch may still register with it."
)]
internal sealed class MediaJob(MediaKey key, PlannedMedia picture)
{
    private readonly Lock gate = new();
    private readonly List<IProgress<double>> listeners = [];
    private readonly TaskCompletionSource<MediaEmbeddings> made = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource abandoned = new();
    private int users;

    public MediaKey Key => key;

    public PlannedMedia Picture => picture;

    /// <summary>Its pixels, once they are ready.</summary>
    public PreparedMedia? Prepared { get; set; }

    /// <summary>What it becomes.</summary>
    public Task<MediaEmbeddings> Embeddings => made.Task;

    /// <summary>Cancelled when nobody waits for it any more.</summary>
    public CancellationToken Abandoned => abandoned.Token;

    /// <summary>Waits for it too; false if it was abandoned before.</summary>
    public bool TryJoin(IProgress<double>? progress)
    {
        lock (gate)
        {
            if (abandoned.IsCancellationRequested)
                return false;
            users++;
            if (progress is not null)
                listeners.Add(progress);
            return true;
        }
    }

    /// <summary>Waits no longer.</summary>
    public void Leave(IProgress<double>? progress)
    {
        lock (gate)
        {
            if (progress is not null)
                listeners.Remove(progress);
            if (--users > 0 || made.Task.IsCompleted)
                return;
        }

        abandoned.Cancel();
    }

    /// <summary>Tells all who wait how far it is, 0 to 1.</summary>
    public void Report(double fraction)
    {
        IProgress<double>[] told;
        lock (gate)
            told = [.. listeners];
        foreach (IProgress<double> listener in told)
            listener.Report(fraction);
    }

    public void Succeed(MediaEmbeddings embeddings) => made.TrySetResult(embeddings);

    public void Fail(Exception failure)
    {
        made.TrySetException(failure);
        // An answer that several pictures fail sees the first failure only.
        _ = made.Task.Exception;
    }
}

/// <summary>Reports the mean of several pictures' fractions as the progress of encoding; they are reported one after another.</summary>
/// <param name="target">Who is told.</param>
/// <param name="count">How many pictures there are.</param>
internal sealed class EncodeProgress(IProgress<EngineProgress> target, int count)
{
    private readonly double[] fractions = new double[count];

    /// <summary>The progress of one picture.</summary>
    public IProgress<double> Of(int index) => new Part(this, index);

    private void Report(int index, double fraction)
    {
        fractions[index] = fraction;
        target.Report(new EngineProgress(EngineStage.Encode, fractions.Average()));
    }

    private sealed class Part(EncodeProgress whole, int index) : IProgress<double>
    {
        public void Report(double value) => whole.Report(index, value);
    }
}
