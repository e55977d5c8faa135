using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Makes the arenas that hold tensor descriptions; their data lives in device buffers.</summary>
internal static class GgmlArena
{
    /// <param name="tensorCapacity">The most tensors that will be described in it.</param>
    /// <param name="graphCapacity">The most nodes of the graph kept in it; 0 for none.</param>
    public static GgmlContextHandle Create(int tensorCapacity, int graphCapacity = 0)
    {
        nuint bytes = Ggml.ggml_tensor_overhead() * (nuint)(tensorCapacity + 1);
        if (graphCapacity > 0)
            bytes += Ggml.ggml_graph_overhead_custom((nuint)graphCapacity, false);
        var handle = new GgmlContextHandle(Ggml.ggml_init(new ggml_init_params { mem_size = bytes, no_alloc = 1 }));
        return handle.IsInvalid
            ? throw new NativeLibraryException($"ggml could not reserve {bytes} bytes for tensor descriptions.")
            : handle;
    }
}
