namespace Tessera.Text;

/// <summary>Writes the embedding [width] of a token, as the language model itself would look it up.</summary>
internal delegate void TokenLookup(int token, Span<float> row);

/// <summary>
/// Rows for one decode: tokens and embeddings, each with its sequence and position. libllama takes either kind in one batch, so tokens
/// beside embeddings are looked up as embeddings too.
/// </summary>
/// <param name="capacity">The most rows.</param>
/// <param name="width">Width of an embedding.</param>
/// <param name="lookup">Looks tokens up; null where the architecture does more to a token than look it up.</param>
internal sealed class ContextBatch(int capacity, int width, TokenLookup? lookup)
{
    private readonly int[] tokens = new int[capacity];
    private readonly int[] sequences = new int[capacity];
    private readonly int[] positions = new int[capacity];
    private readonly sbyte[] outputs = new sbyte[capacity];
    private readonly MemoryView?[] views = new MemoryView?[capacity];
    private readonly bool[] isVision = new bool[capacity];
    private float[] embeddings = [];
    private int tokenCount;
    private MemoryView? next;

    public int Count { get; private set; }

    public int Room => capacity - Count;

    /// <summary>Whether the batch goes to libllama as embeddings.</summary>
    public bool IsEmbeddings => Count > tokenCount;

    public ReadOnlySpan<int> Tokens => tokens.AsSpan(0, Count);

    public ReadOnlySpan<int> Sequences => sequences.AsSpan(0, Count);

    public ReadOnlySpan<int> Positions => positions.AsSpan(0, Count);

    public ReadOnlySpan<sbyte> Outputs => outputs.AsSpan(0, Count);

    /// <summary>Which rows are read with the weights for pictures, where the language model has such.</summary>
    public ReadOnlySpan<bool> IsVision => isVision.AsSpan(0, Count);

    /// <summary>What each row sees beside the rows; null for nothing.</summary>
    public ReadOnlySpan<MemoryView?> Views => views.AsSpan(0, Count);

    /// <summary>Whether a row is a token.</summary>
    public bool IsToken(int row) => tokens[row] >= 0;

    /// <summary>The embeddings of rows that are ones, [width, rows]; those of tokens are what was there before.</summary>
    public ReadOnlySpan<float> GivenEmbeddings => embeddings.AsSpan(0, Math.Min(embeddings.Length, Count * width));

    /// <summary>All rows as embeddings, [width, rows].</summary>
    public ReadOnlySpan<float> Embeddings
    {
        get
        {
            Allocate();
            for (int row = 0; row < Count; row++)
                if (tokens[row] >= 0)
                    lookup!(tokens[row], embeddings.AsSpan(row * width, width));
            return embeddings.AsSpan(0, Count * width);
        }
    }

    /// <summary>Whether a row of this kind may join those that are there.</summary>
    public bool Takes(bool isToken) => Room > 0 && (Count == 0 || lookup is not null || isToken != IsEmbeddings);

    public void Clear() => (Count, tokenCount, next) = (0, 0, null);

    /// <summary>What the next row sees beside the rows.</summary>
    public void See(MemoryView view) => next = view;

    /// <summary>Adds a token of the vocabulary and returns its row.</summary>
    public int AddToken(int token, int sequence, int position, bool wantsLogits)
    {
        tokens[Count] = token;
        isVision[Count] = false;
        tokenCount++;
        return Add(sequence, position, wantsLogits);
    }

    /// <summary>Adds an embedding [width] and returns its row.</summary>
    public int AddEmbedding(ReadOnlySpan<float> embedding, int sequence, int position, bool wantsLogits, bool isReadAsText)
    {
        Allocate();
        embedding.CopyTo(embeddings.AsSpan(Count * width, width));
        tokens[Count] = -1;
        isVision[Count] = !isReadAsText;
        return Add(sequence, position, wantsLogits);
    }

    private void Allocate()
    {
        if (embeddings.Length == 0)
            embeddings = new float[capacity * width];
    }

    private int Add(int sequence, int position, bool wantsLogits)
    {
        (views[Count], next) = (next, null);
        sequences[Count] = sequence;
        positions[Count] = position;
        outputs[Count] = wantsLogits ? (sbyte)1 : (sbyte)0;
        return Count++;
    }
}
