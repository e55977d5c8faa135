namespace Tessera.Text;

/// <summary>
/// Keeps apart what conversations say of their positions. What a file claims to have computed is not to be trusted: with keys of an
/// origin of its own it serves the conversation that brought it, and its forks, but nobody else who begins with the same words.
/// </summary>
/// <param name="Number">0 for what was computed here; otherwise below 2^31.</param>
internal readonly record struct KeyOrigin(int Number)
{
    private const ulong EmbeddingBit = 1UL << 63;

    // 2^64 over the golden ratio: spreads small numbers over all bits (Knuth, The Art of Computer Programming, volume 3, 6.4).
    private const ulong Spread = 0x9E3779B97F4A7C15;
    private static int last;

    /// <summary>An origin that no other conversation of this process has.</summary>
    public static KeyOrigin Next() => new(Interlocked.Increment(ref last) & int.MaxValue);

    /// <summary>A key with the origin in it, or without it again: it does so to its own result. Which kind of key it is does not
    /// change.</summary>
    public ulong Apply(ulong key) =>
        PromptRows.IsToken(key) ? key ^ ((ulong)Number << 32) : key ^ (((ulong)Number * Spread) & ~EmbeddingBit);
}
