namespace Tessera.Text.Scheduling;

/// <summary>Bounds of a scheduler.</summary>
/// <param name="ContextLength">Positions of one answer with its prompt.</param>
/// <param name="CacheLength">Positions that the KV cache holds, of all answers together; at least one answer's.</param>
/// <param name="SequenceCount">Answers that are generated at once, and conversations that the cache remembers.</param>
/// <param name="WaitingLimit">Answers that may wait; further ones are refused.</param>
/// <param name="ThreadCount">CPU threads; 0 for as many as pay.</param>
internal sealed record SchedulerLimits(int ContextLength, int CacheLength, int SequenceCount, int WaitingLimit, int ThreadCount)
{
    /// <summary>How the KV cache stores its values.</summary>
    public CacheType CacheType { get; init; }
}
