using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Weights that ggml has repacked for its own kernels on vectors, eight columns side by side: those are the faster ones for single tokens.
/// How it packs is no promise of its interface, so each type is tried out before its first use; what is packed otherwise is left to ggml.
/// Layouts: ggml 0.25.1, src/ggml-cpu/repack.cpp, make_block_q4_Kx8, make_block_q4_0x8, make_block_iq4_nlx8.
/// </summary>
internal static unsafe class InterleavedWeights
{
    /// <summary>Columns that lie side by side.</summary>
    public const int Columns = CellTransposing.Block;

    private const int ChunkBytes = 8,
        SuperGroups = 8;
    private const int ProbeDepth = 512,
        ProbeColumns = 16;
    private static readonly Lock Gate = new();
    private static readonly Dictionary<ggml_type, bool> Tried = [];
    private static nint bufferType;

    /// <summary>Takes a buffer type for ggml's, if it is.</summary>
    public static void Recognise(nint candidate)
    {
        if (Marshal.PtrToStringUTF8((nint)GgmlBackend.ggml_backend_buft_name(candidate)) == "CPU_REPACK")
            bufferType = candidate;
    }

    /// <summary>Whether a buffer type holds such weights.</summary>
    public static bool Is(nint candidate) => candidate == bufferType && candidate != 0;

    /// <summary>Whether a weight lies in a buffer of that type.</summary>
    public static bool Holds(ggml_tensor* weight) => weight->buffer != 0 && Is(GgmlBackend.ggml_backend_buffer_get_type(weight->buffer));

    /// <summary>Whether weights of a type can be unpacked.</summary>
    public static bool CanUnpack(ggml_type type)
    {
        if (bufferType == 0 || type is not (ggml_type.GGML_TYPE_Q4_K or ggml_type.GGML_TYPE_Q4_0 or ggml_type.GGML_TYPE_IQ4_NL))
            return false;
        lock (Gate)
        {
            if (!Tried.TryGetValue(type, out bool isAsKnown))
                Tried.Add(type, isAsKnown = PacksAsKnown(type));
            return isAsKnown;
        }
    }

    /// <summary>Unpacks whole blocks of eight columns.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="firstColumn">The first column, a multiple of 8.</param>
    /// <param name="firstBlock">The first block of 32.</param>
    /// <param name="count">Blocks, whole ones of the type.</param>
    /// <param name="bytes">Gets the columns' elements, as <see cref="QuantizedBlocks.Unpack"/> gives them.</param>
    /// <param name="stride">Bytes from a column's elements to the next's.</param>
    /// <param name="scales">Gets the columns' scales, side by side.</param>
    /// <param name="least">Gets the least values, likewise.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(
        ggml_tensor* weight,
        int firstColumn,
        int firstBlock,
        int count,
        byte* bytes,
        int stride,
        float* scales,
        float* least
    )
    {
        byte* source =
            weight->data
            + (ulong)firstColumn * weight->nb[1]
            + (ulong)(firstBlock * Columns) * (weight->nb[1] / (ulong)(weight->ne[0] / 32));
        if (weight->type == ggml_type.GGML_TYPE_Q4_K)
            UnpackSuper(source, count / SuperGroups, bytes, stride, scales, least);
        else
            UnpackNibbles(source, count, weight->type == ggml_type.GGML_TYPE_Q4_0, bytes, stride, scales);
    }

    private static void UnpackSuper(byte* source, int count, byte* bytes, int stride, float* scales, float* least)
    {
        const int Scales = 32,
            Nibbles = 128,
            SuperBytes = 1152,
            PackedScales = 12;
        float* halves = stackalloc float[2 * Columns];
        for (int super = 0; super < count; super++, source += SuperBytes, bytes += SuperGroups * 32)
        {
            ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source, 2 * Columns), new Span<float>(halves, 2 * Columns));
            for (int group = 0; group < SuperGroups; group++, scales += Columns, least += Columns)
            {
                byte* packed = source + Scales + group * PackedScales;
                for (int column = 0; column < 4; column++)
                {
                    scales[column] = halves[column] * (packed[column] & 63);
                    least[column] = -halves[Columns + column] * (packed[column + 4] & 63);
                    scales[column + 4] = halves[column + 4] * ((packed[column + 8] & 15) | packed[column] >> 6 << 4);
                    least[column + 4] = -halves[Columns + column + 4] * (packed[column + 8] >> 4 | packed[column + 4] >> 6 << 4);
                }
            }

            for (int column = 0; column < Columns; column++)
            {
                for (int pair = 0; pair < SuperGroups / 2; pair++)
                {
                    var chunks = (ulong*)(source + Nibbles + column * ChunkBytes) + pair * 4 * Columns;
                    Vector256<byte> nibbles = Vector256
                        .Create(chunks[0], chunks[Columns], chunks[2 * Columns], chunks[3 * Columns])
                        .AsByte();
                    byte* target = bytes + column * stride + pair * 64;
                    (nibbles & Vector256.Create((byte)15)).Store(target);
                    (nibbles >>> 4).Store(target + 32);
                }
            }
        }
    }

    private static void UnpackNibbles(byte* source, int count, bool isSigned, byte* bytes, int stride, float* scales)
    {
        const int Nibbles = 16,
            BlockBytes = 144;
        for (int block = 0; block < count; block++, source += BlockBytes, scales += Columns)
        {
            ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source, Columns), new Span<float>(scales, Columns));
            for (int column = 0; column < Columns; column++)
            {
                var chunks = (ulong*)(source + Nibbles + column * ChunkBytes);
                Vector128<byte> nibbles = Vector128.Create(chunks[0], chunks[Columns]).AsByte();
                QuantizedBlocks
                    .Spread(isSigned ? nibbles ^ Vector128.Create((byte)0x88) : nibbles, isSigned)
                    .Store(bytes + column * stride + block * 32);
            }
        }
    }

    // Lets ggml quantize and pack a small weight, and compares.
    private static bool PacksAsKnown(ggml_type type)
    {
        using GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 4);
        ggml_tensor* weight = Ggml.ggml_new_tensor_4d(arena.Pointer, type, ProbeDepth, ProbeColumns, 1, 1);
        using var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, bufferType));
        int length = (int)Ggml.ggml_nbytes(weight);
        ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
        if (buffer.IsInvalid || traits->from_float_ref == null)
            return false;
        var values = new float[ProbeDepth * ProbeColumns];
        var random = new Random(1);
        for (int index = 0; index < values.Length; index++)
            values[index] = (random.NextSingle() - 0.4f) * (1 + index / ProbeDepth);
        var stored = new byte[length];
        fixed (float* from = values)
        fixed (byte* to = stored)
        {
            traits->from_float_ref(from, to, values.Length);
            GgmlBackend.ggml_backend_tensor_set(weight, to, 0, (nuint)stored.Length);
            for (int column = 0; column < ProbeColumns; column += Columns)
            {
                if (!UnpacksAs(weight, column, to + (ulong)column * weight->nb[1]))
                    return false;
            }
        }

        return true;
    }

    private static bool UnpacksAs(ggml_tensor* weight, int firstColumn, byte* plain)
    {
        const int Blocks = ProbeDepth / 32;
        byte[] bytes = new byte[Columns * ProbeDepth],
            expected = new byte[Columns * ProbeDepth];
        float[] numbers = new float[4 * Columns * Blocks];
        fixed (
            byte* own = bytes,
                other = expected
        )
        fixed (float* scales = numbers)
        {
            const int Scales = Columns * Blocks;
            Unpack(weight, firstColumn, 0, Blocks, own, ProbeDepth, scales, scales + Scales);
            for (int column = 0; column < Columns; column++)
                QuantizedBlocks.Unpack(
                    weight->type,
                    plain + (ulong)column * weight->nb[1],
                    Blocks,
                    other + column * ProbeDepth,
                    scales + 2 * Scales + column,
                    scales + 3 * Scales + column
                );
        }

        return bytes.AsSpan().SequenceEqual(expected)
            && numbers.AsSpan(0, numbers.Length / 2).SequenceEqual(numbers.AsSpan(numbers.Length / 2));
    }
}
