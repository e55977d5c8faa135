using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Weights that ggml has repacked for its own AMX kernels, which are the faster ones for few tokens. How it packs is no promise of its
/// interface, so each type is tried out before its first use; what is packed otherwise is left to ggml.
/// </summary>
internal static unsafe class RepackedWeights
{
    // Of the sizes that ggml's AMX kernels take.
    private const int ProbeDepth = 256,
        ProbeColumns = 32;
    private static readonly Lock Gate = new();
    private static readonly Dictionary<ggml_type, bool> Tried = [];
    private static nint bufferType;

    /// <summary>Takes a buffer type for ggml's, if it is.</summary>
    public static void Recognise(nint candidate)
    {
        if (Marshal.PtrToStringUTF8((nint)GgmlBackend.ggml_backend_buft_name(candidate)) == "AMX")
            bufferType = candidate;
    }

    /// <summary>Whether this build of ggml has AMX kernels to repack for.</summary>
    public static bool AreMade => bufferType != 0;

    /// <summary>Whether a buffer type holds such weights.</summary>
    public static bool Is(nint candidate) => candidate == bufferType && candidate != 0;

    /// <summary>Whether a weight lies in a buffer of that type.</summary>
    public static bool Holds(ggml_tensor* weight) => weight->buffer != 0 && Is(GgmlBackend.ggml_backend_buffer_get_type(weight->buffer));

    /// <summary>Whether weights of a type can be unpacked.</summary>
    public static bool CanUnpack(ggml_type type)
    {
        if (!AreMade || !PackedBlocks.IsKnown(type))
            return false;
        lock (Gate)
        {
            if (!Tried.TryGetValue(type, out bool isAsKnown))
                Tried.Add(type, isAsKnown = PacksAsKnown(type));
            return isAsKnown;
        }
    }

    /// <summary>Unpacks 16 columns as tiles of a right operand, rounded to nearest.</summary>
    public static void Unpack(ggml_tensor* weight, int firstColumn, byte* tiles)
    {
        int blocks = (int)weight->ne[0] / PackedBlocks.Depth(weight->type),
            bytes = PackedBlocks.Bytes(weight->type);
        byte* source = weight->data + (long)firstColumn / MatrixUnit.TileRows * blocks * bytes;
        for (int block = 0; block < blocks; block++, source += bytes)
            tiles = PackedBlocks.Unpack(weight->type, source, tiles);
    }

    // Lets ggml quantize and pack a small weight, and compares.
    private static bool PacksAsKnown(ggml_type type)
    {
        using GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 4);
        ggml_tensor* weight = Ggml.ggml_new_tensor_4d(arena.Pointer, type, ProbeDepth, ProbeColumns, 1, 1);
        using var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, bufferType));
        long packed = (long)ProbeDepth / PackedBlocks.Depth(type) * (ProbeColumns / MatrixUnit.TileRows) * PackedBlocks.Bytes(type);
        ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
        if (buffer.IsInvalid || (long)GgmlBackend.ggml_backend_buffer_get_size(buffer.Pointer) < packed || traits->from_float_ref == null)
            return false;
        var values = new float[ProbeDepth * ProbeColumns];
        var random = new Random(1);
        for (int index = 0; index < values.Length; index++)
            values[index] = (random.NextSingle() - 0.4f) * (1 + index / ProbeDepth);
        var stored = new byte[Ggml.ggml_nbytes(weight)];
        fixed (float* from = values)
        fixed (byte* to = stored)
        {
            traits->from_float_ref(from, to, values.Length);
            GgmlBackend.ggml_backend_tensor_set(weight, to, 0, (nuint)stored.Length);
        }

        ElementConversion.ToFloat((GgufTensorType)(int)type, stored, values);
        return UnpacksTo(weight, values);
    }

    private static bool UnpacksTo(ggml_tensor* weight, float[] values)
    {
        const float UnitInTheLastPlace = 1f / 128;
        var tiles = new byte[ProbeDepth / MatrixUnit.TileDepth * MatrixUnit.TileBytes];
        fixed (byte* start = tiles)
        {
            for (int index = 0; index < values.Length; index++)
            {
                int column = index / ProbeDepth,
                    element = index % ProbeDepth;
                if (element == 0 && column % MatrixUnit.TileRows == 0)
                    Unpack(weight, column, start);
                ushort bits = ((ushort*)start)[element / 2 * 2 * MatrixUnit.TileRows + column % MatrixUnit.TileRows * 2 + element % 2];
                float error = BitConverter.UInt32BitsToSingle((uint)bits << 16) - values[index];
                if (!(Math.Abs(error) <= UnitInTheLastPlace * Math.Abs(values[index]) + 1e-6f))
                    return false;
            }
        }

        return true;
    }
}
