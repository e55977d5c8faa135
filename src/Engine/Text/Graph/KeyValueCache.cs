using Tessera.Compute;
using Tessera.Native;

namespace Tessera.Text.Graph;

/// <summary>How wide the keys and values of a layer are, all heads together.</summary>
/// <param name="Key">Of keys.</param>
/// <param name="Value">Of values.</param>
/// <param name="Head">Of one head.</param>
internal readonly record struct CacheWidths(int Key, int Value, int Head)
{
    private const int BlockLength = 32;

    /// <summary>Of layers that are alike.</summary>
    public static IReadOnlyList<CacheWidths> Same(int layerCount, int headCount, int headWidth) =>
        [.. Enumerable.Repeat(new CacheWidths(headCount * headWidth, headCount * headWidth, headWidth), layerCount)];

    /// <summary>How layers are stored where a type is wanted: heads that are no whole blocks stay in half precision.</summary>
    public static CacheType TypeFor(IEnumerable<CacheWidths> layers, CacheType wanted) =>
        layers.All(static layer => layer.Head % BlockLength == 0) ? wanted : CacheType.F16;
}

/// <summary>Keys and values of rows, a table of each for every layer, in a device's memory: [width, cells].</summary>
internal sealed unsafe class KeyValueCache : IDisposable
{
    private readonly GgmlContextHandle arena;
    private readonly BackendBufferHandle buffer;
    private readonly Tensor[] keys;
    private readonly Tensor[] values;

    /// <param name="device">Whose memory it takes.</param>
    /// <param name="layers">The layers that keep any.</param>
    /// <param name="cellCount">Rows.</param>
    /// <param name="type">How they are stored.</param>
    /// <param name="isPlanned">Whether graphs with it are only measured: then it takes no memory.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory.</exception>
    public KeyValueCache(ComputeDevice device, IReadOnlyList<CacheWidths> layers, int cellCount, CacheType type, bool isPlanned = false)
    {
        Type = CacheWidths.TypeFor(layers, type);
        ggml_type stored = Type == CacheType.Q8_0 ? ggml_type.GGML_TYPE_Q8_0 : ggml_type.GGML_TYPE_F16;
        arena = GgmlArena.Create(2 * layers.Count + 2);
        keys = [.. layers.Select(layer => new Tensor(Ggml.ggml_new_tensor_4d(arena.Pointer, stored, layer.Key, cellCount, 1, 1)))];
        values = [.. layers.Select(layer => new Tensor(Ggml.ggml_new_tensor_4d(arena.Pointer, stored, layer.Value, cellCount, 1, 1)))];
        NativeLog.ForgetErrors();
        nint place = GgmlBackend.ggml_backend_dev_buffer_type(device.MainDevice);
        buffer = new BackendBufferHandle(
            isPlanned
                ? GgmlBackend.ggml_backend_buft_alloc_buffer(place, 0)
                : GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, place)
        );
        if (buffer.IsInvalid)
        {
            arena.Dispose();
            throw new NativeLibraryException(
                $"there is not enough memory for keys and values of {cellCount} rows ({NativeLog.TakeErrors()})."
            );
        }

        if (!isPlanned)
            // What is masked is still multiplied, and must be a number.
            GgmlBackend.ggml_backend_buffer_clear(buffer.Pointer, 0);
        else
            // As libllama marks what lies elsewhere already when it plans without memory.
            foreach (Tensor table in Tables())
                table.Native->buffer = buffer.Pointer;
    }

    /// <summary>How it stores them.</summary>
    public CacheType Type { get; }

    /// <summary>Bytes of one row in all layers.</summary>
    public int RowLength => keys.Concat(values).Sum(static table => (int)table.Stride(1));

    /// <summary>Adds to a graph that rows [width, n] are put into the cells that indices name.</summary>
    public void Store(Compute.Graph graph, int layer, Tensor key, Tensor value, Tensor cells)
    {
        graph.StoreRows(keys[layer], key, cells);
        graph.StoreRows(values[layer], value, cells);
    }

    /// <summary>Keys and values of cells that follow each other, as attention reads them: [head, cells, heads].</summary>
    public (Tensor Key, Tensor Value) Read(Compute.Graph graph, int layer, int headCount, int first, int count) =>
        (Heads(graph, keys[layer], headCount, first, count), Heads(graph, values[layer], headCount, first, count));

    /// <summary>Copies what a cell holds, layer after layer, keys before values.</summary>
    public void ReadCell(int cell, Span<byte> target)
    {
        foreach (Tensor table in Tables())
        {
            int length = (int)table.Stride(1);
            fixed (byte* bytes = target[..length])
                GgmlBackend.ggml_backend_tensor_get(table.Native, bytes, table.Stride(1) * (nuint)cell, (nuint)length);
            target = target[length..];
        }
    }

    /// <summary>Puts back what <see cref="ReadCell"/> has given.</summary>
    public void WriteCell(int cell, ReadOnlySpan<byte> source)
    {
        foreach (Tensor table in Tables())
        {
            int length = (int)table.Stride(1);
            fixed (byte* bytes = source[..length])
                GgmlBackend.ggml_backend_tensor_set(table.Native, bytes, table.Stride(1) * (nuint)cell, (nuint)length);
            source = source[length..];
        }
    }

    public void Dispose()
    {
        buffer.Dispose();
        arena.Dispose();
    }

    private static Tensor Heads(Compute.Graph graph, Tensor table, int headCount, int first, int count)
    {
        nuint head = table.Stride(1) / (nuint)headCount;
        return graph.View(
            table,
            (table.Size(0) / headCount, count, headCount, 1),
            (table.Stride(1), head, head * (nuint)headCount),
            table.Stride(1) * (nuint)first
        );
    }

    private IEnumerable<Tensor> Tables()
    {
        for (int layer = 0; layer < keys.Length; layer++)
        {
            yield return keys[layer];
            yield return values[layer];
        }
    }
}
