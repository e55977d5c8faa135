using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Matrices that stay where a file is mapped: they are read when they are first needed, and no second copy of them is
/// made.</summary>
/// <param name="file">The file, which must stay open as long as they are used.</param>
internal sealed unsafe class InPlaceWeights(GgufFile file) : IDisposable
{
    // TENSOR_ALIGNMENT of ggml/src/ggml-impl.h, ggml 0.25.1.
    private const int Alignment = 32;
    private readonly List<(Tensor Weight, GgufTensor Part)> weights = [];
    private readonly List<BackendBufferHandle> buffers = [];
    private GgmlContextHandle? arena;

    /// <summary>Whether a tensor lies where ggml can use it.</summary>
    public static bool Takes(GgufTensor part) => part.DataOffset % Alignment == 0;

    /// <summary>A matrix [inputs, outputs] of a tensor's own type.</summary>
    public Tensor Declare(GgufTensor part, long inputs, long outputs)
    {
        arena ??= GgmlArena.Create(file.Whole.Sum(static part => part.Tensors.Count));
        var weight = new Tensor(Ggml.ggml_new_tensor_4d(arena.Pointer, (ggml_type)(int)part.Type, inputs, outputs, 1, 1));
        weights.Add((weight, part));
        return weight;
    }

    /// <summary>Gives every declared matrix its place; returns their bytes.</summary>
    /// <exception cref="NativeLibraryException">There is not enough memory.</exception>
    public long Attach()
    {
        foreach ((Tensor weight, GgufTensor part) in weights)
        {
            fixed (byte* data = file.GetTensorData(part, 0, 1))
            {
                var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_cpu_buffer_from_ptr(data, weight.ByteLength));
                buffers.Add(buffer);
                if (
                    buffer.IsInvalid
                    || GgmlBackend.ggml_backend_tensor_alloc(buffer.Pointer, weight.Native, data) != ggml_status.GGML_STATUS_SUCCESS
                )
                    throw new NativeLibraryException(
                        $"{file.Path}: tensor '{part.Name}' cannot be used where it is mapped ({NativeLog.TakeErrors()})."
                    );
                GgmlBackend.ggml_backend_buffer_set_usage(buffer.Pointer, GgmlBackend.GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
                MemoryAdvice.Give(data, weight.ByteLength, SysMman.MADV_WILLNEED);
            }
        }

        return weights.Sum(static weight => (long)weight.Weight.ByteLength);
    }

    public void Dispose()
    {
        foreach (BackendBufferHandle buffer in buffers)
            buffer.Dispose();
        arena?.Dispose();
    }
}
