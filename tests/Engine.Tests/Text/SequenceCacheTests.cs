using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

/// <summary>Prompts go where most of them is already, and nobody's conversation is cut for another's.</summary>
public sealed class SequenceCacheTests
{
    private readonly object mine = new(),
        other = new();

    [Fact]
    public void The_next_turn_continues_its_own_sequence()
    {
        var cache = new SequenceCache(4);
        CachedSequence first = Put(cache, mine, 1, 2, 3, 4);
        SequencePlacement place = Place(cache, mine, 1, 2, 3, 4, 5, 6);
        Assert.Equal((first, null, 4), (place.Target, place.Source, place.SharedCount));
    }

    [Fact]
    public void The_last_position_is_always_decoded_again()
    {
        var cache = new SequenceCache(2);
        Put(cache, mine, 1, 2, 3, 4);
        Assert.Equal(3, Place(cache, mine, 1, 2, 3, 4).SharedCount);
    }

    [Fact]
    public void A_fork_copies_and_leaves_the_original()
    {
        var cache = new SequenceCache(4);
        CachedSequence original = Put(cache, mine, 1, 2, 3, 4);
        SequencePlacement fork = Place(cache, other, 1, 2, 3, 9);
        Assert.NotSame(original, fork.Target);
        Assert.Equal((original, 3), (fork.Source, fork.SharedCount));
        Assert.Same(mine, original.Owner);
    }

    [Fact]
    public void A_sequence_that_would_lose_most_is_copied_while_another_is_empty()
    {
        var cache = new SequenceCache(2);
        CachedSequence first = Put(cache, mine, 1, 2, 3, 4, 5, 6);
        SequencePlacement place = Place(cache, mine, 1, 7, 8);
        Assert.NotSame(first, place.Target);
        place.Target.TakeOver([1, 7, 8]);
        cache.Release(place.Target);
        Assert.Same(place.Target, Place(cache, mine, 1, 7, 9).Target);
    }

    [Fact]
    public void A_full_cache_gives_up_the_longest_unused()
    {
        var cache = new SequenceCache(2);
        CachedSequence older = Put(cache, mine, 1, 2),
            newer = Put(cache, other, 3, 4);
        Assert.Same(older, cache.Oldest());
        Assert.Same(older, Place(cache, new object(), 5, 6).Target);
        Assert.Same(newer, cache.Oldest());
        Assert.NotNull(cache.Place([7UL, 8UL], mine, canCut: true));
        Assert.Null(cache.Place([7UL, 8UL], mine, canCut: true));
    }

    [Fact]
    public void What_cannot_be_cut_is_shared_whole_or_not_at_all()
    {
        var cache = new SequenceCache(2);
        CachedSequence first = Put(cache, mine, 1, 2, 3);
        SequencePlacement other = cache.Place([1UL, 2UL, 9UL, 9UL], mine, canCut: false)!.Value;
        Assert.Equal(0, other.SharedCount);
        cache.Release(other.Target);
        SequencePlacement longer = cache.Place([1UL, 2UL, 3UL, 4UL], mine, canCut: false)!.Value;
        Assert.Equal((first, 3), (longer.Target, longer.SharedCount));
    }

    private static CachedSequence Put(SequenceCache cache, object owner, params ulong[] keys)
    {
        CachedSequence target = cache.Place(keys, owner, canCut: true)!.Value.Target;
        target.TakeOver(keys);
        cache.Release(target);
        return target;
    }

    private static SequencePlacement Place(SequenceCache cache, object owner, params ulong[] keys) =>
        cache.Place(keys, owner, canCut: true)!.Value;
}
