using Tessera.Text;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

/// <summary>Rows stand where their span says, and those that share a position are kept or forgotten together.</summary>
public sealed class PositionTests
{
    [Fact]
    public void Rows_of_a_shared_span_stand_at_one_place_and_text_goes_on_behind()
    {
        PromptRows rows = Rows();
        Assert.Equal([0, 1, 2, 2, 2, 3, 4], Enumerable.Range(0, 7).Select(rows.PositionOf));
    }

    [Fact]
    public void Given_positions_are_kept()
    {
        var rows = new PromptRows(1);
        rows.AddTokens([7]);
        rows.AddEmbeddings(1, 0, new float[3], new SpanPositions([0, 1, 1]));
        rows.AddTokens([8]);
        Assert.Equal([0, 1, 2, 2, 3, 4], Enumerable.Range(0, 6).Select(rows.PositionOf));
    }

    [Fact]
    public void Nothing_is_cut_within_a_shared_position()
    {
        PromptRows rows = Rows();
        var sequence = new CachedSequence(0);
        for (int row = 0; row < rows.Count; row++)
            sequence.Append(rows.Keys[row], rows.PositionOf(row));
        Assert.False(sequence.IsConsecutive);
        Assert.Equal([0, 1, 2, 2, 2, 5, 6], Enumerable.Range(0, 7).Select(sequence.KeepableCount));
        Assert.Equal([0, 1, 2, 2, 2, 3, 4], Enumerable.Range(0, 7).Select(sequence.PositionAt));
        sequence.CutTo(2);
        Assert.True(sequence.IsConsecutive);
        Assert.Equal(2, sequence.PositionAt(2));
    }

    [Fact]
    public void A_prompt_that_parts_within_a_shared_span_shares_what_is_before_it()
    {
        var cache = new SequenceCache(2);
        PromptRows rows = Rows();
        CachedSequence held = cache.All.First();
        for (int row = 0; row < rows.Count; row++)
            held.Append(rows.Keys[row], rows.PositionOf(row));
        ulong[] other = rows.Keys.ToArray();
        other[4] = 99;
        Assert.Equal(2, cache.Place(other, new object(), canCut: true)!.Value.SharedCount);
    }

    // Two tokens, three rows at one place, a token.
    private static PromptRows Rows()
    {
        var rows = new PromptRows(1);
        rows.AddTokens([7, 8]);
        rows.AddEmbeddings(1, 0, new float[3], SpanPositions.Shared(3));
        rows.AddTokens([9]);
        return rows;
    }
}
