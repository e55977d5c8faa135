using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Native;

namespace Tessera.Compute.Kernels;

/// <summary>
/// Weights that ggml has repacked for its own AMX kernels, which are the faster ones for single tokens: of 16 columns and 32 elements the
/// quants [4, 16, 8] of 8 bits, 16 scales in half precision and 16 corrections that are not needed here. Source: ggml/src/ggml-cpu/amx/mmq.cpp,
/// ggml 0.25.1, pack_B for block_q8_0.
/// </summary>
internal static unsafe class RepackedWeights
{
    private const int QuantBytes = MatrixUnit.TileRows * MatrixUnit.TileDepth, TileBytes = QuantBytes + MatrixUnit.TileRows * (sizeof(ushort) + sizeof(int));
    private static nint bufferType;

    /// <summary>Takes a buffer type for ggml's if it is, and if it packs as is known here; else such weights are left to ggml.</summary>
    public static void Recognise(nint candidate)
    {
        if (Marshal.PtrToStringUTF8((nint)GgmlBackend.ggml_backend_buft_name(candidate)) == "AMX" && PacksAsKnown(candidate)) bufferType = candidate;
    }

    /// <summary>Whether a buffer type holds such weights.</summary>
    public static bool Is(nint candidate) => candidate == bufferType && candidate != 0;

    /// <summary>Whether a weight in a buffer of that type is one that can be unpacked.</summary>
    public static bool Holds(ggml_tensor* weight) => weight->type == ggml_type.GGML_TYPE_Q8_0 && weight->buffer != 0 && Is(GgmlBackend.ggml_backend_buffer_get_type(weight->buffer));

    /// <summary>Unpacks 16 columns as tiles of a right operand, rounded to nearest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(ggml_tensor* weight, int firstColumn, byte* tiles)
    {
        int steps = (int)weight->ne[0] / MatrixUnit.TileDepth;
        byte* source = weight->data + (long)firstColumn / MatrixUnit.TileRows * steps * TileBytes;
        Vector512<uint> half = Vector512.Create(0x8000u), upper = Vector512.Create(0xffff0000u);
        float* scales = stackalloc float[MatrixUnit.TileRows];
        for (int step = 0; step < steps; step++, source += TileBytes)
        {
            ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source + QuantBytes, MatrixUnit.TileRows), new Span<float>(scales, MatrixUnit.TileRows));
            Vector512<float> scale = Vector512.Load(scales);
            for (int group = 0; group < MatrixUnit.TileDepth / sizeof(int); group++, tiles += 2 * Vector512<byte>.Count)
            {
                Vector512<int> quants = Vector512.Load((int*)source + group * MatrixUnit.TileRows);
                Vector512<uint> first = (Avx512F.ConvertToVector512Single((quants << 24) >> 24) * scale).AsUInt32() + half;
                Vector512<uint> second = (Avx512F.ConvertToVector512Single((quants << 16) >> 24) * scale).AsUInt32() + half;
                Vector512<uint> third = (Avx512F.ConvertToVector512Single((quants << 8) >> 24) * scale).AsUInt32() + half;
                Vector512<uint> fourth = (Avx512F.ConvertToVector512Single(quants >> 24) * scale).AsUInt32() + half;
                ((first >>> 16) | (second & upper)).Store((uint*)tiles);
                ((third >>> 16) | (fourth & upper)).Store((uint*)tiles + MatrixUnit.TileRows);
            }
        }
    }

    // Lets ggml pack a small weight, and compares.
    private static bool PacksAsKnown(nint candidate)
    {
        const int depth = 64, columns = 32, blockBytes = 34, rowBytes = depth / 32 * blockBytes;
        using GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 4);
        ggml_tensor* weight = Ggml.ggml_new_tensor_4d(arena.Pointer, ggml_type.GGML_TYPE_Q8_0, depth, columns, 1, 1);
        using var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, candidate));
        if (buffer.IsInvalid || GgmlBackend.ggml_backend_buffer_get_size(buffer.Pointer) < depth / 32 * columns / MatrixUnit.TileRows * TileBytes) return false;
        byte* stored = stackalloc byte[rowBytes * columns], tiles = stackalloc byte[depth / 32 * MatrixUnit.TileBytes];
        for (int index = 0; index < rowBytes * columns; index++) stored[index] = (byte)(index * 37 + index / 97);
        for (int block = 0; block < rowBytes * columns / blockBytes; block++) *(Half*)(stored + block * blockBytes) = (Half)(1 + block % 7);
        GgmlBackend.ggml_backend_tensor_set(weight, stored, 0, rowBytes * columns);
        for (int first = 0; first < columns; first += MatrixUnit.TileRows)
        {
            Unpack(weight, first, tiles);
            for (int column = 0; column < MatrixUnit.TileRows; column++)
            {
                for (int index = 0; index < depth; index++)
                {
                    byte* block = stored + (first + column) * rowBytes + index / 32 * blockBytes;
                    float expected = (float)*(Half*)block * (sbyte)block[2 + index % 32];
                    uint actual = (uint)((ushort*)tiles)[index / 2 * 32 + column * 2 + index % 2] << 16;
                    if (actual != (BitConverter.SingleToUInt32Bits(expected) + 0x8000u & 0xffff0000u)) return false;
                }
            }
        }

        return true;
    }
}
