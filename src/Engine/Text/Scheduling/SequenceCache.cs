using System.Runtime.InteropServices;

namespace Tessera.Text.Scheduling;

/// <summary>What one sequence of the KV cache holds, by the keys of its rows.</summary>
/// <param name="id">Its number in the KV cache.</param>
internal sealed class CachedSequence(int id)
{
    private readonly List<ulong> keys = [];
    private readonly List<int> positions = [];

    public int Id => id;

    public int Length => keys.Count;

    public ReadOnlySpan<ulong> Keys => CollectionsMarshal.AsSpan(keys);

    /// <summary>Whose conversation it holds, or null.</summary>
    public object? Owner { get; set; }

    public bool IsBusy { get; set; }

    public long LastUse { get; set; }

    /// <summary>Whether its rows stand one after another from 0 on.</summary>
    public bool IsConsecutive => positions.Count == 0 || positions[^1] == positions.Count - 1;

    public void Append(ulong key, int position)
    {
        keys.Add(key);
        positions.Add(position);
    }

    /// <summary>The position of a row, or the one behind the last.</summary>
    public int PositionAt(int row) =>
        row < positions.Count ? positions[row]
        : positions.Count == 0 ? 0
        : positions[^1] + 1;

    /// <summary>Most rows up to a number of them that can be kept without others: those of one position go together.</summary>
    public int KeepableCount(int length)
    {
        while (length > 0 && length < positions.Count && positions[length] == positions[length - 1])
            length--;
        return length;
    }

    public void CutTo(int length)
    {
        keys.RemoveRange(length, keys.Count - length);
        positions.RemoveRange(length, positions.Count - length);
    }

    /// <summary>Holds the first rows of another sequence.</summary>
    public void TakeOver(CachedSequence source, int length)
    {
        (ulong[] sharedKeys, int[] sharedPositions) = ([.. source.keys.Take(length)], [.. source.positions.Take(length)]);
        CutTo(0);
        keys.AddRange(sharedKeys);
        positions.AddRange(sharedPositions);
    }

    /// <summary>Holds rows at these positions; null for one after another.</summary>
    public void TakeOver(ReadOnlySpan<ulong> restored, int[]? places = null)
    {
        CutTo(0);
        keys.AddRange(restored);
        positions.AddRange(places ?? Enumerable.Range(0, restored.Length));
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

    /// <summary>Takes the sequence that is missed least, for whoever empties it; null while every sequence is busy.</summary>
    public CachedSequence? TakeIdle()
    {
        CachedSequence? idle = sequences
            .Where(static sequence => !sequence.IsBusy)
            .MinBy(static sequence => (sequence.Length > 0, sequence.LastUse));
        if (idle is not null)
            (idle.IsBusy, idle.Owner, idle.LastUse) = (true, null, ++clock);
        return idle;
    }

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
    public long LongestState(ILanguage language, int length) => Empty(language) is { } free ? language.LongestState(free.Id, length) : 0;

    /// <summary>Puts a saved KV state into a sequence that is not in use, if there is one and the state fits.</summary>
    public bool Restore(ILanguage language, object owner, ReadOnlySpan<ulong> keys, ReadOnlySpan<byte> state)
    {
        if (Empty(language) is not { } free)
            return false;
        bool fits = language.Restore(free.Id, state, keys.Length);
        int[]? places = fits ? language.PositionsOf(free.Id) : null;
        fits = fits && (places?.Length ?? language.EndOf(free.Id)) == keys.Length;
        if (!fits)
            language.Cut(free.Id, 0);
        free.TakeOver(fits ? keys : [], fits ? places : null);
        free.Owner = fits ? owner : null;
        free.LastUse = ++clock;
        return fits;
    }

    // Empties the sequence that was used longest ago where none is empty.
    private CachedSequence? Empty(ILanguage language)
    {
        CachedSequence? free = sequences
            .Where(static sequence => !sequence.IsBusy)
            .MinBy(static sequence => (sequence.Length > 0, sequence.LastUse));
        if (free is null)
            return null;
        language.Cut(free.Id, 0);
        free.TakeOver([]);
        return free;
    }

    private (CachedSequence? Best, int Shared) Longest(ReadOnlySpan<ulong> keys, object owner, bool canCut)
    {
        CachedSequence? best = null;
        int longest = 0;
        foreach (CachedSequence sequence in sequences)
        {
            int shared = sequence.KeepableCount(keys.CommonPrefixLength(sequence.Keys));
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
