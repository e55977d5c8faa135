using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Chooses the buffer type for a matrix: the first whose kernels take its type and shape.</summary>
internal sealed unsafe class MatrixPlacement : IDisposable
{
    private const int ProbeColumns = 512;
    private readonly ComputeDevice device;
    private readonly IReadOnlyList<nint> bufferTypes;
    private readonly Dictionary<nint, BackendBufferHandle> probeBuffers = [];

    public MatrixPlacement(ComputeDevice device)
    {
        this.device = device;
        bufferTypes = device.BufferTypes();
    }

    /// <summary>Whether the CPU multiplies.</summary>
    public bool IsOnProcessor => device.IsProcessor;

    /// <summary>
    /// Whether products read weights of any type and width from plain memory, so that a file's may stay where it is mapped and nothing is
    /// gained by joining or padding them.
    /// </summary>
    public bool ReadsInPlace => device.TakesPlainMatrices;

    /// <summary>The device's plain buffer type, which takes every tensor.</summary>
    public nint DefaultBufferType => bufferTypes[^1];

    /// <summary>Whether ggml multiplies matrices of a type: float types, and quantized ones that it can also convert.</summary>
    public static bool CanMultiply(ggml_type type)
    {
        // Formats of the other operand, made while multiplying; as weights they have no kernels.
        if (type is ggml_type.GGML_TYPE_Q8_1 or ggml_type.GGML_TYPE_Q8_K)
            return false;
        ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
        if (type is ggml_type.GGML_TYPE_F32 or ggml_type.GGML_TYPE_F16 or ggml_type.GGML_TYPE_BF16)
            return true;
        return traits != null && traits->is_quantized != 0 && traits->to_float != null;
    }

    /// <summary>The type that a matrix of a file's type gets.</summary>
    /// <param name="type">The file's type.</param>
    /// <param name="wanted">What the caller wants.</param>
    /// <param name="inputs">Width of a row, which must be whole blocks of the new type.</param>
    public ggml_type TypeInMemory(ggml_type type, VisionType wanted, long inputs)
    {
        const ggml_type Small = ggml_type.GGML_TYPE_Q8_0;
        bool isFloat = type is ggml_type.GGML_TYPE_F32 or ggml_type.GGML_TYPE_F16 or ggml_type.GGML_TYPE_BF16;
        if (wanted == VisionType.File || !isFloat || inputs % Ggml.ggml_get_type_traits(Small)->blck_size != 0)
            return type;
        // On processors without products of bfloat16, those of bytes are the faster ones: half the memory, twice the lanes.
        return wanted == VisionType.Q8_0 || (device.IsProcessor && !device.HasHalves) ? Small : type;
    }

    public nint BufferType(ggml_type type, long inputs, long outputs) =>
        bufferTypes.First(bufferType => bufferType == DefaultBufferType || Supports(bufferType, type, inputs, outputs));

    public void Dispose()
    {
        foreach (BackendBufferHandle buffer in probeBuffers.Values)
            buffer.Dispose();
    }

    // Asks the way llama.cpp does when it places weights: a product whose weight pretends to live in that buffer type.
    private bool Supports(nint bufferType, ggml_type type, long inputs, long outputs)
    {
        if (!probeBuffers.TryGetValue(bufferType, out BackendBufferHandle? buffer))
            probeBuffers.Add(bufferType, buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_buft_alloc_buffer(bufferType, 0)));
        if (buffer.IsInvalid)
            return false;
        using GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 4);
        ggml_tensor* weight = Ggml.ggml_new_tensor_4d(arena.Pointer, type, inputs, outputs, 1, 1);
        ggml_tensor* x = Ggml.ggml_new_tensor_4d(arena.Pointer, ggml_type.GGML_TYPE_F32, inputs, ProbeColumns, 1, 1);
        weight->buffer = buffer.Pointer;
        return GgmlBackend.ggml_backend_dev_supports_op(device.MainDevice, Ggml.ggml_mul_mat(arena.Pointer, weight, x));
    }
}
