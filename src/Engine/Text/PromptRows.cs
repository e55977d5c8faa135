namespace Tessera.Text;

/// <summary>
/// A prompt as the language model takes it, row by row: tokens, and embeddings of pictures. Each row has a position, and a key that tells
/// what it is and sees, so that two prompts share what their keys share.
/// </summary>
/// <param name="width">Width of an embedding.</param>
/// <param name="origin">Whose rows they are: 0 for what was computed here, another number for a conversation that came from a file.</param>
internal sealed class PromptRows(int width, KeyOrigin origin = default)
{
    // Keys of embeddings, and of tokens that see a memory, have this bit; token ids never reach it.
    private const ulong ContentBit = 1UL << 63;
    private const int NoToken = -1;

    // An odd number with bits in all places: 2^64 over the golden ratio.
    private const ulong Spread = 0x9E3779B97F4A7C15;
    private readonly List<ulong> keys = [];
    private readonly List<int> tokens = [];
    private readonly List<int> positions = [];
    private readonly HashSet<int> readAsText = [];
    private readonly List<Block> blocks = [];
    private readonly List<(int Start, MemoryView View)> views = [];
    private int end;

    public int Count => keys.Count;

    /// <summary>Width of an embedding.</summary>
    public int Width => width;

    /// <summary>Rows that are embeddings.</summary>
    public int EmbeddingCount => blocks.Sum(static block => block.Count);

    /// <summary>Rows of memories that stand for the prompt's media.</summary>
    public int MemoryTokenCount => views.Count == 0 ? 0 : views[^1].View.All.Sum(static memory => memory.SeenRows);

    public ReadOnlySpan<ulong> Keys => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(keys);

    /// <summary>Whether a key is that of a token which sees no memory.</summary>
    public static bool IsToken(ulong key) => (key & ContentBit) == 0;

    /// <summary>The token of a key that is one's.</summary>
    public static int TokenOf(ulong key) => (int)(uint)key;

    /// <summary>The key of a token behind the rows that are there.</summary>
    public ulong KeyOf(int token) =>
        views.Count == 0 ? origin.Apply((uint)token) : origin.Apply((views[^1].View.Key ^ (((ulong)token + 1) * Spread)) | ContentBit);

    /// <summary>Whether a row is a token.</summary>
    public bool IsTokenAt(int row) => tokens[row] != NoToken;

    /// <summary>The token of a row that is one.</summary>
    public int TokenAt(int row) => tokens[row];

    /// <summary>Whether a row that is no token is read with the weights for text all the same.</summary>
    public bool IsReadAsText(int row) => readAsText.Contains(row);

    /// <summary>What a row sees beside the rows; null for nothing. Rows behind the prompt see what its last does.</summary>
    public MemoryView? ViewAt(int row)
    {
        for (int index = views.Count - 1; index >= 0; index--)
            if (views[index].Start <= row)
                return views[index].View;
        return null;
    }

    /// <summary>What the rows see that are added from now on.</summary>
    public void See(MemoryView view) => views.Add((Count, view));

    public void AddTokens(ReadOnlySpan<int> run)
    {
        foreach (int token in run)
        {
            keys.Add(KeyOf(token));
            tokens.Add(token);
            positions.Add(end++);
        }
    }

    /// <summary>Where a row stands; those behind the prompt, one after another.</summary>
    public int PositionOf(int row) => row < positions.Count ? positions[row] : end + row - positions.Count;

    /// <summary>Adds embeddings [width, rows].</summary>
    /// <param name="contentKey">Tells apart what the embeddings were made of.</param>
    /// <param name="firstRow">Number of the first row among those of the same content.</param>
    /// <param name="rows">The values.</param>
    /// <param name="places">Where they stand, counted from the span's beginning, and which are read as text.</param>
    public void AddEmbeddings(ulong contentKey, int firstRow, ReadOnlyMemory<float> rows, SpanPositions places = default)
    {
        int count = rows.Length / width;
        blocks.Add(new Block(keys.Count, count, rows));
        for (int row = 0; row < count; row++)
        {
            keys.Add(origin.Apply((contentKey + (ulong)(firstRow + row)) | ContentBit));
            tokens.Add(NoToken);
            positions.Add(end + places.Of(row));
            if (row >= count - places.TextTail)
                readAsText.Add(keys.Count - 1);
        }

        end += places.Length(count);
    }

    /// <summary>The embedding [width] of a row that is one.</summary>
    public ReadOnlySpan<float> Embedding(int row)
    {
        Block block = blocks.First(candidate => row >= candidate.Start && row < candidate.Start + candidate.Count);
        return block.Rows.Span.Slice((row - block.Start) * width, width);
    }

    private readonly record struct Block(int Start, int Count, ReadOnlyMemory<float> Rows);
}
