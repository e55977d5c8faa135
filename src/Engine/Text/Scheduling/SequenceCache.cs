using System.Runtime.InteropServices;
using Tessera.Text.Llama;

namespace Tessera.Text.Scheduling;

/// <summary>What one sequence of the KV cache holds, by the keys of its positions.</summary>
/// <param name="id">Its number in libllama.</param>
internal sealed class CachedSequence(int id)
{
    private readonly List<ulong> keys = [];

    public int Id => id;

    public int Length => keys.Count;

    public ReadOnlySpan<ulong> Keys => CollectionsMarshal.AsSpan(keys);

    /// <summary>Whose conversation it holds, or null.</summary>
    public object? Owner { get; set; }

    public bool IsBusy { get; set; }

    public long LastUse { get; set; }

    public void Append(ulong key) => keys.Add(key);

    public void CutTo(int length) => keys.RemoveRange(length, keys.Count - length);

    public void TakeOver(ReadOnlySpan<ulong> shared)
    {
        keys.Clear();
        keys.AddRange(shared);
    }
}

/// <summary>Where a prompt goes, and how much of it is there already.</summary>
/// <param name="Target">The sequence to continue.</param>
/// <param name="Source">The sequence whose beginning is shared with the target; null if the target holds it itself.</param>
/// <param name="SharedCount">Positions that need no prefill.</param>
internal readonly record struct SequencePlacement(CachedSequence Target, CachedSequence? Source, int SharedCount);

/// <summary>Chooses sequences of the KV cache so that as much as possible of each prompt is there already.</summary>
/// <param name="count">Number of sequences.</param>
internal sealed class SequenceCache(int count)
{
    private readonly CachedSequence[] sequences = [.. Enumerable.Range(0, count).Select(static id => new CachedSequence(id))];
    private long clock;

    public IEnumerable<CachedSequence> All => sequences;

    /// <summary>Finds the place for a prompt; null while every sequence is busy.</summary>
    /// <param name="keys">The prompt. Its last position is never shared, because its logits are needed.</param>
    /// <param name="owner">Whose prompt it is: only the owner's own sequence is cut, others' are copied from.</param>
    /// <param name="canCut">Whether a sequence can be cut and copied in part, which recurrent models cannot.</param>
    public SequencePlacement? Place(ReadOnlySpan<ulong> keys, object owner, bool canCut)
    {
        (CachedSequence? best, int shared) = Longest(keys[..^1], owner, canCut);
        bool hasEmpty = sequences.Any(static sequence => !sequence.IsBusy && sequence.Length == 0);
        // A sequence that would lose most of what it holds is copied from instead, while there is another; unless nobody owns it:
        // every decode reads past whatever the cache holds.
        bool inPlace =
            best is { IsBusy: false } && (best.Owner is null || (best.Owner == owner && (shared * 2 >= best.Length || !hasEmpty)));
        if (inPlace)
            return Take(best!, null, shared, owner);
        CachedSequence? free = sequences
            .Where(sequence => !sequence.IsBusy && sequence != best)
            .OrderBy(static sequence =>
                sequence.Length == 0 ? 1
                : sequence.Owner is null ? 0
                : 2
            )
            .ThenBy(sequence => sequence.Owner == owner ? 0 : 1)
            .ThenBy(static sequence => sequence.LastUse)
            .FirstOrDefault();
        if (free is null)
            return best is { IsBusy: false } ? Take(best, null, shared, owner) : null;
        return Take(free, shared > 0 ? best : null, shared, owner);
    }

    /// <summary>The idle sequence that was used longest ago and holds anything, or null.</summary>
    public CachedSequence? Oldest() =>
        sequences.Where(static sequence => !sequence.IsBusy && sequence.Length > 0).MinBy(static sequence => sequence.LastUse);

    /// <summary>Gives back a sequence; what it holds stays until its room is needed.</summary>
    public void Release(CachedSequence sequence)
    {
        sequence.IsBusy = false;
        sequence.LastUse = ++clock;
    }

    /// <summary>Lets go of what an owner held; it stays as a beginning that others may share.</summary>
    public void Disown(object owner)
    {
        foreach (CachedSequence sequence in sequences)
            if (sequence.Owner == owner)
                sequence.Owner = null;
    }

    /// <summary>The most bytes that a saved KV state of so many positions has; 0 while none can be restored.</summary>
    public long LongestState(LanguageContext context, int length) => Empty(context) is { } free ? context.LongestState(free.Id, length) : 0;

    /// <summary>Puts a saved KV state into a sequence that is not in use, if there is one and the state fits.</summary>
    public bool Restore(LanguageContext context, object owner, ReadOnlySpan<ulong> keys, ReadOnlySpan<byte> state)
    {
        if (Empty(context) is not { } free)
            return false;
        bool fits = context.Restore(free.Id, state, keys.Length) && context.LengthOf(free.Id) == keys.Length;
        if (!fits)
            context.Cut(free.Id, 0);
        free.TakeOver(fits ? keys : []);
        free.Owner = fits ? owner : null;
        free.LastUse = ++clock;
        return fits;
    }

    // Empties the sequence that was used longest ago where none is empty.
    private CachedSequence? Empty(LanguageContext context)
    {
        CachedSequence? free = sequences
            .Where(static sequence => !sequence.IsBusy)
            .MinBy(static sequence => (sequence.Length > 0, sequence.LastUse));
        if (free is null)
            return null;
        context.Cut(free.Id, 0);
        free.TakeOver([]);
        return free;
    }

    private (CachedSequence? Best, int Shared) Longest(ReadOnlySpan<ulong> keys, object owner, bool canCut)
    {
        CachedSequence? best = null;
        int longest = 0;
        foreach (CachedSequence sequence in sequences)
        {
            int shared = keys.CommonPrefixLength(sequence.Keys);
            if (!canCut && (shared < sequence.Length || sequence.IsBusy))
                shared = 0;
            bool preferred = shared == longest && sequence.Owner == owner && !sequence.IsBusy;
            if (shared == 0 || (shared <= longest && !preferred))
                continue;
            (best, longest) = (sequence, shared);
        }

        return (best, longest);
    }

    private SequencePlacement Take(CachedSequence target, CachedSequence? source, int shared, object owner)
    {
        target.IsBusy = true;
        target.Owner = owner;
        target.LastUse = ++clock;
        return new SequencePlacement(target, source, shared);
    }
}
