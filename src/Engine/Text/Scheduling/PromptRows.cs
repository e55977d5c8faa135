namespace Tessera.Text.Scheduling;

/// <summary>
/// A prompt as the language model takes it, position by position: tokens, and embeddings of pictures. Each position has a key that
/// tells what stands there, so that two prompts share what their keys share.
/// </summary>
/// <param name="width">Width of an embedding.</param>
/// <param name="origin">Whose rows they are: 0 for what was computed here, another number for a conversation that came from a file.</param>
internal sealed class PromptRows(int width, KeyOrigin origin = default)
{
    // Keys of embeddings have this bit; token ids never reach it.
    private const ulong EmbeddingBit = 1UL << 63;
    private readonly List<ulong> keys = [];
    private readonly List<Block> blocks = [];

    public int Count => keys.Count;

    /// <summary>Width of an embedding.</summary>
    public int Width => width;

    /// <summary>Positions that hold embeddings.</summary>
    public int EmbeddingCount => blocks.Sum(static block => block.Count);

    public ReadOnlySpan<ulong> Keys => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(keys);

    public static bool IsToken(ulong key) => (key & EmbeddingBit) == 0;

    /// <summary>The token of a key that is one's.</summary>
    public static int TokenOf(ulong key) => (int)(uint)key;

    public ulong KeyOf(int token) => origin.Apply((uint)token);

    public void AddTokens(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
            keys.Add(KeyOf(token));
    }

    /// <summary>Adds embeddings [width, rows].</summary>
    /// <param name="contentKey">Tells apart what the embeddings were made of.</param>
    /// <param name="firstRow">Number of the first row among those of the same content.</param>
    /// <param name="rows">The values.</param>
    public void AddEmbeddings(ulong contentKey, int firstRow, ReadOnlyMemory<float> rows)
    {
        int count = rows.Length / width;
        blocks.Add(new Block(keys.Count, count, rows));
        for (int row = 0; row < count; row++)
            keys.Add(origin.Apply((contentKey + (ulong)(firstRow + row)) | EmbeddingBit));
    }

    /// <summary>The embedding [width] at a position that holds one.</summary>
    public ReadOnlySpan<float> Embedding(int position)
    {
        Block block = blocks.First(candidate => position >= candidate.Start && position < candidate.Start + candidate.Count);
        return block.Rows.Span.Slice((position - block.Start) * width, width);
    }

    private readonly record struct Block(int Start, int Count, ReadOnlyMemory<float> Rows);
}
