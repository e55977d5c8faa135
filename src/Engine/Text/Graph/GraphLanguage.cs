using Tessera.Compute;

namespace Tessera.Text.Graph;

/// <summary>
/// A language model as ggml graphs that are built here, one for each batch, for architectures that libllama lacks: a KV cache for several
/// sequences in the device's memory, and memories of pictures where the architecture sees them.
/// </summary>
internal sealed class GraphLanguage : ILanguage
{
    private const int LargestBatch = 512;

    // Attention looks at whole stretches of the cache, so that one graph serves many steps.
    private const int CellStretch = 256;
    private readonly GraphLanguageModel model;
    private readonly KeyValueCache cache;
    private readonly CacheCells cells;
    private readonly MemorySlots? memories;
    private readonly GraphRunner runner;
    private readonly CacheState states;
    private readonly int sequenceCount;
    private float[] logits;
    private readonly int[] outputOf = new int[LargestBatch];
    private readonly Lock stopGate = new();
    private CancellationTokenSource stop = new();
    private (StepShape Shape, Compute.Graph Graph, LanguageStep Step, Tensor Logits)? kept;
    private string failure = "";

    /// <summary>Takes the memory of the KV cache and of the largest graph.</summary>
    /// <param name="model">The weights; must outlive it.</param>
    /// <param name="length">Positions that it holds, of all sequences together.</param>
    /// <param name="sequenceCount">Number of sequences.</param>
    /// <param name="cacheType">How keys and values are stored.</param>
    /// <param name="plannedMemory">Rows of a memory that it is measured with, 0 for none; null where it is to be used.</param>
    /// <exception cref="TesseraException">There is not enough memory.</exception>
    public GraphLanguage(GraphLanguageModel model, int length, int sequenceCount, CacheType cacheType, int? plannedMemory = null)
    {
        this.model = model;
        this.sequenceCount = sequenceCount;
        Length = length = Math.Min(length, model.Graph.MostPositions);
        logits = new float[Math.Max(1, sequenceCount) * (long)model.Vocabulary.TokenCount];
        int cellCount = (length + CellStretch - 1) / CellStretch * CellStretch;
        if (plannedMemory is null)
            CheckMemory(cellCount, cacheType);
        cells = new CacheCells(cellCount, sequenceCount);
        cache = new KeyValueCache(model.Device, model.Graph.Layers, cellCount, cacheType, isPlanned: plannedMemory is not null);
        runner = new GraphRunner(model.Device, model.Graph.NodeCapacity(MostViews), additions: model.Adapters?.Additions);
        if (model.Memory is { } rule)
            memories = new MemorySlots(model.Device, runner, model.Graph, cacheType, rule.MostMedia);
        states = new CacheState(cache, cells);
        try
        {
            ReserveLargest([]);
            if (plannedMemory > 0 && memories is not null)
                ReserveLargest([new SeenRows(Math.Min(LargestBatch, Length), SeesNothing: false, [memories.Plan(plannedMemory.Value)])]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string ModelPath => model.Path;

    public Vocabulary Vocabulary => model.Vocabulary;

    public int RowWidth => model.RowWidth;

    public int Length { get; }

    public int BatchSize => LargestBatch;

    /// <summary>Bytes that the largest graph takes.</summary>
    public long ComputeBytes => runner.ReservedBytes;

    public bool CanCut => true;

    public bool HasEncoder => false;

    public int AnswerStart => throw new NotSupportedException();

    public bool TakesMemory => model.Memory is not null;

    // Each answer that is decoded, and the stretches of a prompt beside them.
    private int MostViews => model.Memory is { } rule ? sequenceCount + rule.MostMedia + 2 : 1;

    public IDisposable Hold() => model.Hold();

    public bool Cut(int sequence, int position)
    {
        cells.Cut(sequence, position);
        return true;
    }

    public void Share(int source, int target, int position) => cells.Share(source, target, position);

    public int EndOf(int sequence) => cells.EndOf(sequence);

    public int[] PositionsOf(int sequence) => [.. cells.CellsOf(sequence).Select(cells.PositionOf)];

    public DecodeOutcome Encode(ContextBatch batch) => throw new NotSupportedException();

    public DecodeOutcome Decode(ContextBatch batch)
    {
        if (cells.FindFree(batch.Count) is not { } found || found[^1] >= Length + CellStretch)
            return DecodeOutcome.NoRoom;
        CancellationToken token;
        lock (stopGate)
            token = stop.Token;
        try
        {
            return Run(batch, found, token);
        }
        catch (OperationCanceledException)
        {
            return DecodeOutcome.Stopped;
        }
        catch (NativeLibraryException reason)
        {
            failure = reason.Message;
            return DecodeOutcome.NoMemory;
        }
    }

    public NativeLibraryException FailureOf(DecodeOutcome outcome, int rowCount) =>
        new(
            outcome == DecodeOutcome.NoRoom
                ? $"{model.Path}: the KV cache has no room for the prompt, though it should."
                : $"{model.Path}: {rowCount} tokens cannot be decoded ({failure})."
        );

    public void RequestStop()
    {
        lock (stopGate)
            stop.Cancel();
    }

    public void ForgetStop()
    {
        lock (stopGate)
            if (stop.IsCancellationRequested)
            {
                stop.Dispose();
                stop = new CancellationTokenSource();
            }
    }

    public ReadOnlySpan<float> Logits(int row) =>
        outputOf[row] < 0 ? [] : logits.AsSpan(outputOf[row] * Vocabulary.TokenCount, Vocabulary.TokenCount);

    public long StateLength(int sequence) => states.LengthFor(cells.CellsOf(sequence).Length);

    public byte[] Save(int sequence) => states.Save(sequence);

    public long LongestState(int emptySequence, int length) => length <= Length ? states.LengthFor(length) : 0;

    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length) => length <= Length && states.Restore(sequence, state, length);

    public void Dispose()
    {
        kept?.Graph.Dispose();
        kept = null;
        memories?.Dispose();
        runner.Dispose();
        cache.Dispose();
        stop.Dispose();
    }

    private void CheckMemory(int cellCount, CacheType type)
    {
        long needed = model.CacheBytesPerRow(type) * cellCount,
            available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
            throw new ContextMemoryException(model.Path, cellCount, needed, available);
    }

    // So that a lack of memory shows before the first prompt.
    private void ReserveLargest(IReadOnlyList<SeenRows> views)
    {
        int rowCount = Math.Min(LargestBatch, Length);
        var shape = new StepShape(rowCount, 1, Math.Min(cells.Capacity, Length), model.BesideWidth > 0, views, 0)
        {
            VisionCount = model.Graph.HasVisionWeights ? rowCount / 2 : 0,
        };
        using Compute.Graph graph = runner.NewGraph();
        graph.Output(model.Graph.Build(new LanguageStep(graph, shape, model.RowWidth, cache, memories)));
        runner.Reserve(graph, $"{shape.RowCount} tokens");
    }

    private DecodeOutcome Run(ContextBatch batch, int[] found, CancellationToken token)
    {
        IReadOnlyList<SeenRows> views = [];
        if (memories is not null && batch.Views.ContainsAnyExcept((MemoryView?)null))
        {
            if (memories.Bring(batch, token) is not { } seen || seen.Count > MostViews)
            {
                failure = "they see more pictures than there is room for";
                return DecodeOutcome.NoMemory;
            }

            views = seen;
        }

        for (int row = 0; row < batch.Count; row++)
            cells.Put(found[row], batch.Sequences[row], batch.Positions[row]);
        try
        {
            RunGraph(batch, found, views, token);
        }
        catch
        {
            // What stands at the position of rows that are there could not be told from them.
            cells.Withdraw(found, batch.Sequences);
            throw;
        }

        return DecodeOutcome.Done;
    }

    private void RunGraph(ContextBatch batch, int[] found, IReadOnlyList<SeenRows> views, CancellationToken token)
    {
        var order = RowOrder.Of(batch, model.Graph.HasVisionWeights);
        int looked = Math.Min(cells.Capacity, (cells.UsedCount + CellStretch - 1) / CellStretch * CellStretch);
        (Compute.Graph graph, LanguageStep step, Tensor result) = GraphFor(
            new StepShape(batch.Count, order.Outputs.Length, looked, batch.IsEmbeddings, views, memories?.Version ?? 0)
            {
                VisionCount = order.VisionCount,
                VisionOutputCount = order.VisionOutputCount,
            }
        );
        runner.Place(graph);
        step.Write(batch, order, found, cells);
        runner.Run(graph, LanguageSizes.Of(batch.Count), token);
        ReadLogits(batch, order, result);
    }

    private (Compute.Graph Graph, LanguageStep Step, Tensor Logits) GraphFor(StepShape shape)
    {
        if (kept is { } known && known.Shape.IsLike(shape))
            return (known.Graph, known.Step, known.Logits);
        kept?.Graph.Dispose();
        kept = null;
        Compute.Graph graph = runner.NewGraph();
        var step = new LanguageStep(graph, shape, model.RowWidth, cache, memories);
        Tensor result = graph.Output(model.Graph.Build(step));
        kept = (shape, graph, step, result);
        return (graph, step, result);
    }

    private void ReadLogits(ContextBatch batch, RowOrder order, Tensor result)
    {
        if ((long)order.Outputs.Length * Vocabulary.TokenCount > logits.Length)
            logits = new float[(long)order.Outputs.Length * Vocabulary.TokenCount];
        int vocabulary = Vocabulary.TokenCount,
            given = model.Graph.LogitCount;
        outputOf.AsSpan(0, batch.Count).Fill(-1);
        for (int output = 0; output < order.Outputs.Length; output++)
        {
            Span<float> target = logits.AsSpan(output * vocabulary, vocabulary);
            // Tokens of the input that the model never says have none.
            target[Math.Min(given, vocabulary)..].Fill(float.NegativeInfinity);
            Compute.Graph.Read(result, (long)output * given, target[..Math.Min(given, vocabulary)]);
            outputOf[order.Rows[order.Outputs[output]]] = output;
        }
    }
}
