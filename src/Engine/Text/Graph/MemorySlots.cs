using Tessera.Compute;

namespace Tessera.Text.Graph;

/// <summary>The first rows of a slot.</summary>
/// <param name="Slot">Which slot.</param>
/// <param name="RowCount">Rows from its first.</param>
internal readonly record struct SeenSlot(int Slot, int RowCount);

/// <summary>Neighbouring rows of a batch that see the same.</summary>
/// <param name="RowCount">How many.</param>
/// <param name="SeesNothing">Whether nothing is to be seen at their place; then the slots are all that their prompt has.</param>
/// <param name="Slots">What they see; none where their prompt has no memory.</param>
internal sealed record SeenRows(int RowCount, bool SeesNothing, IReadOnlyList<SeenSlot> Slots)
{
    public bool Equals(SeenRows? other) =>
        other is not null && (RowCount, SeesNothing) == (other.RowCount, other.SeesNothing) && Slots.SequenceEqual(other.Slots);

    public override int GetHashCode() => HashCode.Combine(RowCount, SeesNothing, Slots.Count);
}

/// <summary>
/// Keys and values that cross-attention layers make of memories: computed when a memory is first seen, and kept until its slot is needed
/// for another.
/// </summary>
internal sealed class MemorySlots : IDisposable
{
    // Rows whose keys and values are made at once, which stay in the processor's caches.
    private const int StretchRows = 512;
    private readonly ComputeDevice device;
    private readonly GraphRunner runner;
    private readonly LanguageGraph model;
    private readonly CacheType type;
    private readonly int most;
    private readonly Dictionary<ulong, int> slotOf = [];
    private readonly List<Held> slots = [];
    private long clock;

    /// <summary>Changes when slots lie elsewhere than before, so that graphs which read them are to be built anew.</summary>
    public int Version { get; private set; }

    public MemorySlots(ComputeDevice device, GraphRunner runner, LanguageGraph model, CacheType type, int most)
    {
        this.device = device;
        this.runner = runner;
        this.model = model;
        this.type = type;
        this.most = most;
    }

    /// <summary>What each stretch of a batch sees, once the memories are in their slots; null if there are more than slots.</summary>
    /// <exception cref="NativeLibraryException">There is not enough memory.</exception>
    public IReadOnlyList<SeenRows>? Bring(ContextBatch batch, CancellationToken cancellationToken)
    {
        MediaMemory[] wanted =
        [
            .. batch
                .Views.ToArray()
                .OfType<MemoryView>()
                .Distinct()
                .SelectMany(static view => view.Seen.Count > 0 ? view.Seen : view.All)
                .DistinctBy(static memory => memory.ValueKey),
        ];
        if (wanted.Length > most)
            return null;
        clock++;
        foreach (MediaMemory memory in wanted)
            if (slotOf.TryGetValue(memory.ValueKey, out int known))
                slots[known].LastUse = clock;
        foreach (MediaMemory memory in wanted)
            if (!slotOf.ContainsKey(memory.ValueKey))
                Fill(memory, cancellationToken);
        return Views(batch);
    }

    /// <summary>Reserves the graph that fills a slot, which takes no memory itself.</summary>
    /// <param name="rowCount">Rows of the memory.</param>
    /// <returns>What sees it.</returns>
    public SeenSlot Plan(int rowCount)
    {
        var slot = new Held(new KeyValueCache(device, model.MemoryLayers, rowCount, type, isPlanned: true), rowCount);
        slots.Add(slot);
        using Compute.Graph graph = runner.NewGraph();
        Store(graph, slot.Cache, Math.Min(rowCount, StretchRows));
        runner.Reserve(graph, $"{rowCount} rows of a memory");
        return new SeenSlot(slots.Count - 1, rowCount);
    }

    /// <summary>A layer's keys and values of the first rows of a slot: [head, rows, heads].</summary>
    public (Tensor Key, Tensor Value) Read(Compute.Graph graph, SeenSlot slot, int layer, int keyHeads)
    {
        KeyValueCache cache = slots[slot.Slot].Cache;
        (Tensor key, Tensor value) = cache.Read(graph, layer, keyHeads, 0, slot.RowCount);
        return (key, cache.Type == CacheType.F16 && !device.SumsWidely(value.Size(0)) ? graph.ToSingle(value) : value);
    }

    public void Dispose()
    {
        foreach (Held slot in slots)
            slot.Cache.Dispose();
    }

    private List<SeenRows> Views(ContextBatch batch)
    {
        var views = new List<SeenRows>();
        int row = 0;
        while (row < batch.Count)
        {
            MemoryView? view = batch.Views[row];
            int first = row;
            while (row < batch.Count && ReferenceEquals(batch.Views[row], view))
                row++;
            bool seesNothing = view is not null && view.Seen.Count == 0;
            SeenSlot[] seen =
                view is null ? []
                : seesNothing ? [.. view.All.Select(memory => Slot(memory, memory.Values.Length / model.Memory!.Width))]
                : [.. view.Seen.Select(memory => Slot(memory, memory.SeenRows))];
            views.Add(new SeenRows(row - first, seesNothing, seen));
        }

        return views;

        SeenSlot Slot(MediaMemory memory, int count) => new(slotOf[memory.ValueKey], count);
    }

    private void Fill(MediaMemory memory, CancellationToken cancellationToken)
    {
        int width = model.Memory!.Width,
            rowCount = memory.Values.Length / width,
            stretch = Math.Min(rowCount, StretchRows);
        int index = Take(rowCount);
        Held slot = slots[index];
        (slot.Key, slot.LastUse) = (null, clock);
        using Compute.Graph graph = runner.NewGraph();
        (Tensor states, Tensor cells) = Store(graph, slot.Cache, stretch);
        runner.Place(graph);
        for (int done = 0; done < rowCount; done += stretch)
        {
            // The last stretch begins within the one before, rather than being shorter.
            int first = Math.Min(done, rowCount - stretch);
            Compute.Graph.Write(states, memory.Values.Span.Slice(first * width, stretch * width), 0);
            Compute.Graph.Write<long>(cells, [.. Enumerable.Range(first, stretch).Select(static row => (long)row)]);
            runner.Run(graph, LanguageSizes.Largest, cancellationToken);
        }

        slot.Key = memory.ValueKey;
        slotOf[memory.ValueKey] = index;
    }

    // Every layer's keys and values of rows of a memory [width, rows], into the cells that are named.
    private (Tensor States, Tensor Cells) Store(Compute.Graph graph, KeyValueCache cache, int rowCount)
    {
        Tensor states = graph.Input("memory", Native.ggml_type.GGML_TYPE_F32, model.Memory!.Width, rowCount),
            cells = graph.Input("cells", Native.ggml_type.GGML_TYPE_I64, rowCount);
        for (int layer = 0; layer < model.MemoryLayers.Count; layer++)
        {
            (Tensor key, Tensor value) = model.BuildMemory(graph, states, layer);
            cache.Store(graph, layer, key, value, cells);
        }

        return (states, cells);
    }

    // A slot that is empty or was not used for longest, and fits.
    private int Take(int rowCount)
    {
        int index = slots.FindIndex(static slot => slot.Key is null);
        if (index < 0 && slots.Count < most)
        {
            slots.Add(New(rowCount));
            return slots.Count - 1;
        }

        if (index < 0)
            index = slots.IndexOf(slots.MinBy(static slot => slot.LastUse)!);
        if (slots[index].Key is { } key)
            slotOf.Remove(key);
        slots[index].Key = null;
        if (slots[index].RowCount < rowCount)
        {
            slots[index].Cache.Dispose();
            slots[index] = New(rowCount);
            Version++;
        }

        return index;
    }

    private Held New(int rowCount) => new(new KeyValueCache(device, model.MemoryLayers, rowCount, type), rowCount);

    private sealed class Held(KeyValueCache cache, int rowCount)
    {
        public KeyValueCache Cache => cache;

        public int RowCount => rowCount;

        public ulong? Key { get; set; }

        public long LastUse { get; set; }
    }
}
