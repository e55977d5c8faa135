using Tessera.Compute;
using Tessera.Native;

namespace Tessera.Text.Graph;

/// <summary>What a batch's graph depends on, but for weights and values.</summary>
/// <param name="RowCount">Rows.</param>
/// <param name="OutputCount">Rows whose logits are wanted.</param>
/// <param name="CellCount">Cells of the KV cache that attention looks at.</param>
/// <param name="IsEmbeddings">Whether rows are given as embeddings.</param>
/// <param name="Views">Which rows see what.</param>
/// <param name="MemoryVersion">Of the memories' slots.</param>
internal sealed record StepShape(
    int RowCount,
    int OutputCount,
    int CellCount,
    bool IsEmbeddings,
    IReadOnlyList<SeenRows> Views,
    int MemoryVersion
)
{
    /// <summary>The last rows, which are pictures', where these have weights of their own.</summary>
    public int VisionCount { get; init; }

    /// <summary>The last of the rows whose logits are wanted, likewise.</summary>
    public int VisionOutputCount { get; init; }

    /// <summary>Whether one graph serves both.</summary>
    public bool IsLike(StepShape other) => this with { Views = other.Views } == other && Views.SequenceEqual(other.Views);
}

/// <summary>The graph of one batch, as an architecture builds it: its inputs, and attention over the KV cache and memories.</summary>
internal sealed class LanguageStep
{
    private readonly KeyValueCache cache;
    private readonly MemorySlots? memories;
    private readonly Tensor tokens;
    private readonly Tensor embeddings;
    private readonly Tensor cells;
    private readonly Tensor mask;
    private readonly Tensor outputs;
    private bool masksByDistance;

    public LanguageStep(Compute.Graph graph, StepShape shape, int width, KeyValueCache cache, MemorySlots? memories)
    {
        Graph = graph;
        Shape = shape;
        this.cache = cache;
        this.memories = memories;
        if (shape.IsEmbeddings)
            embeddings = graph.Input("embeddings", ggml_type.GGML_TYPE_F32, width, shape.RowCount);
        else
            tokens = graph.Input("tokens", ggml_type.GGML_TYPE_I32, shape.RowCount);
        Positions = graph.Input("positions", ggml_type.GGML_TYPE_I32, shape.RowCount);
        cells = graph.Input("cells", ggml_type.GGML_TYPE_I64, shape.RowCount);
        mask = graph.Input("mask", ggml_type.GGML_TYPE_F16, shape.CellCount, shape.RowCount);
        outputs = graph.Input("outputs", ggml_type.GGML_TYPE_I32, Math.Max(1, shape.OutputCount));
    }

    public Compute.Graph Graph { get; }

    public StepShape Shape { get; }

    /// <summary>The rows' positions.</summary>
    public Tensor Positions { get; }

    /// <summary>The rows as they enter the first layer [width, rows]: looked up in a table, or as they were given.</summary>
    public Tensor Rows(Tensor table) => Shape.IsEmbeddings ? Columns(0, table.Size(0)) : Graph.Rows(table, tokens);

    /// <summary>What stands beside the rows, behind their width: [beside, rows]; a null tensor where they are looked up.</summary>
    public Tensor Beside(int width) => Shape.IsEmbeddings ? Columns(width, embeddings.Size(0) - width) : default;

    /// <summary>Those of the rows [width, rows] whose logits are wanted: [width, outputs].</summary>
    public Tensor Outputs(Tensor x) => Shape.OutputCount == Shape.RowCount ? x : Graph.Rows(x, outputs);

    /// <summary>Rows [width, n], all or those whose logits are wanted, through what reads text and what reads pictures: [other width,
    /// n].</summary>
    public Tensor ByKind(Tensor x, Func<Tensor, Tensor> text, Func<Tensor, Tensor> vision)
    {
        long rows = x.Size(1),
            ofVision = rows == Shape.RowCount ? Shape.VisionCount : Shape.VisionOutputCount;
        if (ofVision == 0 || ofVision == rows)
            return ofVision == 0 ? text(x) : vision(x);
        return Graph.Concat(text(Stretch(x, 0, rows - ofVision)), vision(Stretch(x, rows - ofVision, ofVision)), 1);
    }

    /// <summary>
    /// Puts keys and values [head, key heads, rows] into the cache, and lets queries [head, heads, rows] attend to those of their
    /// sequences up to their positions -> [head * heads, rows].
    /// </summary>
    /// <param name="layer">Of the layers with a cache.</param>
    /// <param name="query">The queries.</param>
    /// <param name="key">The keys.</param>
    /// <param name="value">The values.</param>
    /// <param name="scale">Factor of the scores.</param>
    /// <param name="largestBias">With which slopes scores fall with the distance (ALiBi), the same in all layers; 0 for none.</param>
    public Tensor Attend(int layer, Tensor query, Tensor key, Tensor value, float scale, float largestBias = 0)
    {
        masksByDistance = largestBias > 0;
        int keyHeads = (int)key.Size(1);
        cache.Store(Graph, layer, Flat(key), Flat(value), cells);
        (Tensor keys, Tensor values) = cache.Read(Graph, layer, keyHeads, 0, Shape.CellCount);
        return Flat(Graph.FlashAttention(Graph.Permute(query, 0, 2, 1, 3), keys, values, scale, mask, largestBias));
    }

    /// <summary>
    /// Lets queries [head, heads, rows] attend to the memories that their rows see -> [head * heads, rows]; zeros for rows whose prompts
    /// have none.
    /// </summary>
    /// <param name="layer">Of the layers that see memories.</param>
    /// <param name="query">The queries.</param>
    /// <param name="keyHeads">Heads of the keys.</param>
    /// <param name="scale">Factor of the scores.</param>
    /// <param name="whenNothing">What rows look at that see nothing, though their prompt has memories.</param>
    public Tensor AttendToMemory(int layer, Tensor query, int keyHeads, float scale, WhenNothingSeen whenNothing)
    {
        Tensor joined = default;
        int first = 0;
        foreach (SeenRows rows in Shape.Views)
        {
            Tensor part = RowsOf(query, first, rows.RowCount);
            bool isBlind = rows.Slots.Count == 0 || (rows.SeesNothing && whenNothing == WhenNothingSeen.Zero);
            Tensor mixed = isBlind ? Graph.Scale(Graph.Contiguous(part), 0) : AttendTo(rows, layer, part, keyHeads, scale);
            mixed = Flat(mixed);
            joined = joined.IsNull ? mixed : Graph.Concat(joined, mixed, 1);
            first += rows.RowCount;
        }

        return joined;
    }

    /// <summary>1 for rows that see something and 0 for others [1, rows]; a null tensor where all rows see something.</summary>
    /// <param name="ofPrompt">Whether it is enough that there is something in their prompt.</param>
    public Tensor SeeingRows(bool ofPrompt)
    {
        if (Shape.Views.All(Sees))
            return default;
        float[] flags = [.. Shape.Views.SelectMany(rows => Enumerable.Repeat(Sees(rows) ? 1f : 0f, rows.RowCount))];
        return Graph.Input(ofPrompt ? "prompt sees" : "sees", flags, 1, flags.Length);

        bool Sees(SeenRows rows) => rows.Slots.Count > 0 && (ofPrompt || !rows.SeesNothing);
    }

    /// <summary>Whether any row's prompt has a memory.</summary>
    public bool HasMemory => Shape.Views.Any(static rows => rows.Slots.Count > 0);

    /// <summary>Fills the inputs; the graph must have been placed.</summary>
    public void Write(ContextBatch batch, RowOrder order, int[] rowCells, CacheCells owners)
    {
        if (Shape.IsEmbeddings)
            WriteEmbeddings(batch, order);
        else
            Compute.Graph.Write(tokens, InOrder(batch.Tokens, order));
        Compute.Graph.Write(Positions, InOrder(batch.Positions, order));
        Compute.Graph.Write<long>(cells, [.. order.Rows.Select(row => (long)rowCells[row])]);
        Compute.Graph.Write<int>(outputs, order.Outputs.Length == 0 ? [0] : order.Outputs);
        var seen = new ushort[Shape.CellCount * batch.Count];
        for (int place = 0; place < batch.Count; place++)
        {
            int row = order.Rows[place];
            owners.WriteMask(batch.Sequences[row], rowCells[row], seen.AsSpan(place * Shape.CellCount, Shape.CellCount), masksByDistance);
        }

        Compute.Graph.Write<ushort>(mask, seen);
    }

    private void WriteEmbeddings(ContextBatch batch, RowOrder order)
    {
        ReadOnlySpan<float> values = batch.Embeddings;
        int width = (int)embeddings.Size(0);
        // Neighbours that stay neighbours go together.
        for (int place = 0; place < order.Rows.Length; )
        {
            int first = place;
            while (++place < order.Rows.Length && order.Rows[place] == order.Rows[place - 1] + 1)
                continue;
            Compute.Graph.Write(embeddings, values.Slice(order.Rows[first] * width, (place - first) * width), (long)first * width);
        }
    }

    private static ReadOnlySpan<int> InOrder(ReadOnlySpan<int> values, RowOrder order)
    {
        if (order.VisionCount == 0)
            return values;
        var ordered = new int[values.Length];
        for (int place = 0; place < ordered.Length; place++)
            ordered[place] = values[order.Rows[place]];
        return ordered;
    }

    private Tensor AttendTo(SeenRows rows, int layer, Tensor query, int keyHeads, float scale)
    {
        Tensor keys = default,
            values = default;
        foreach (SeenSlot slot in rows.Slots)
        {
            (Tensor key, Tensor value) = memories!.Read(Graph, slot, layer, keyHeads);
            keys = keys.IsNull ? key : Graph.Concat(keys, key, 1);
            values = values.IsNull ? value : Graph.Concat(values, value, 1);
        }

        return Graph.FlashAttention(Graph.Permute(query, 0, 2, 1, 3), keys, values, scale);
    }

    private Tensor Columns(long first, long count) =>
        count == embeddings.Size(0)
            ? embeddings
            : Graph.Contiguous(
                Graph.View(
                    embeddings,
                    (count, embeddings.Size(1), 1, 1),
                    (embeddings.Stride(1), embeddings.Stride(2), embeddings.Stride(3)),
                    embeddings.Stride(0) * (nuint)first
                )
            );

    private Tensor RowsOf(Tensor query, int first, int count) =>
        count == Shape.RowCount
            ? query
            : Graph.View(
                query,
                (query.Size(0), query.Size(1), count, 1),
                (query.Stride(1), query.Stride(2), query.Stride(3)),
                query.Stride(2) * (nuint)first
            );

    private Tensor Stretch(Tensor x, long first, long count) =>
        Graph.View(x, (x.Size(0), count, 1, 1), (x.Stride(1), x.Stride(2), x.Stride(3)), x.Stride(1) * (nuint)first);

    // [head, heads, rows] -> [head * heads, rows].
    private Tensor Flat(Tensor x) => Graph.Reshape(x, x.Size(0) * x.Size(1), x.Size(2));
}

/// <summary>What cross-attention gives rows that see nothing, though their prompt has memories.</summary>
internal enum WhenNothingSeen
{
    /// <summary>Zeros.</summary>
    Zero,

    /// <summary>What attention to all memories gives, padding included.</summary>
    All,
}
