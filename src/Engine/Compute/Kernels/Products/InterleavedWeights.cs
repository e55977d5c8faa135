using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

    // Of a block of Q4_K when it is unpacked: its scales and least values lie behind its cells.
    private const int CellsOfBlock = 8,
        LinesOfBlock = CellsOfBlock + 2;
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

    /// <summary>Unpacks whole blocks of eight columns of a type of 32 elements a block.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="firstColumn">The first column, a multiple of 8.</param>
    /// <param name="firstBlock">The first block.</param>
    /// <param name="count">Blocks.</param>
    /// <param name="bytes">Gets the columns' elements, as <see cref="QuantizedBlocks.Unpack"/> gives them.</param>
    /// <param name="stride">Bytes from a column's elements to the next's.</param>
    /// <param name="scales">Gets the columns' scales, side by side.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(ggml_tensor* weight, int firstColumn, int firstBlock, int count, byte* bytes, int stride, float* scales) =>
        UnpackNibbles(Source(weight, firstColumn, firstBlock), count, weight->type == ggml_type.GGML_TYPE_Q4_0, bytes, stride, scales);

    /// <summary>Unpacks whole super-blocks of eight columns of Q4_K, four elements of each column side by side.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="firstColumn">The first column, a multiple of 8.</param>
    /// <param name="firstBlock">The first block of 32, a multiple of 8.</param>
    /// <param name="count">Blocks of 32, likewise.</param>
    /// <param name="blocks">Gets the blocks: of each eight cells of eight columns, their scales, their least values.</param>
    /// <param name="step">Bytes from a cell to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackSuper(ggml_tensor* weight, int firstColumn, int firstBlock, int count, byte* blocks, int step)
    {
        const int SuperBytes = 1152,
            Nibbles = 128,
            LineBytes = Columns * ChunkBytes;
        byte* source = Source(weight, firstColumn, firstBlock);
        for (int super = 0; super < count / SuperGroups; super++, source += SuperBytes)
        {
            SuperScales(source, blocks + CellsOfBlock * step, step);
            // A line has eight elements of each column for two blocks: two cells of each.
            byte* line = source + Nibbles;
            for (int pair = 0; pair < SuperGroups / 2; pair++, blocks += 2 * LinesOfBlock * step)
            {
                for (int cell = 0; cell < CellsOfBlock; cell += 2, line += LineBytes)
                    StoreLine(line, blocks + cell * step, blocks + (LinesOfBlock + cell) * step, step);
            }
        }
    }

    private static byte* Source(ggml_tensor* weight, int firstColumn, int firstBlock) =>
        weight->data + (ulong)firstColumn * weight->nb[1] + (ulong)(firstBlock * Columns) * (weight->nb[1] / (ulong)(weight->ne[0] / 32));

    // The lower four bits, then the upper four, each as two cells.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLine(byte* line, byte* first, byte* second, int step)
    {
        Vector256<int> evenThenOdd = Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7);
        for (int half = 0; half < 2; half++, line += Vector256<byte>.Count)
        {
            Vector256<byte> nibbles = Vector256.Load(line);
            Vector256<int> low = Avx2.PermuteVar8x32((nibbles & Vector256.Create((byte)15)).AsInt32(), evenThenOdd),
                high = Avx2.PermuteVar8x32((nibbles >>> 4).AsInt32(), evenThenOdd);
            int at = half * Vector128<byte>.Count;
            low.GetLower().Store((int*)(first + at));
            low.GetUpper().Store((int*)(first + step + at));
            high.GetLower().Store((int*)(second + at));
            high.GetUpper().Store((int*)(second + step + at));
        }
    }

    // Six bits each of eight columns' scales and least values, the upper two of the last four columns' apart.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SuperScales(byte* source, byte* scales, int step)
    {
        const int Packed = 32,
            PackedBytes = 12;
        float* halves = stackalloc float[2 * Columns];
        ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source, 2 * Columns), new Span<float>(halves, 2 * Columns));
        Vector256<float> scale = Vector256.Load(halves),
            down = -Vector256.Load(halves + Columns);
        for (int group = 0; group < SuperGroups; group++, scales += LinesOfBlock * step)
        {
            var packed = (uint*)(source + Packed + group * PackedBytes);
            (scale * QuantizedBlocks.Sixes(packed[0], packed[2])).Store((float*)scales);
            (down * QuantizedBlocks.Sixes(packed[1], packed[2] >> 4)).Store((float*)(scales + step));
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
            if (weight->type == ggml_type.GGML_TYPE_Q4_K)
                UnpackSuper(weight, firstColumn, Blocks, own, scales, scales + Scales);
            else
                Unpack(weight, firstColumn, 0, Blocks, own, ProbeDepth, scales);
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

    // As the others are.
    private static void UnpackSuper(ggml_tensor* weight, int firstColumn, int count, byte* bytes, float* scales, float* least)
    {
        const int Step = Columns * ProductCall.CellBytes;
        byte[] blocks = new byte[count * LinesOfBlock * Step];
        fixed (byte* first = blocks)
        {
            UnpackSuper(weight, firstColumn, 0, count, first, Step);
            for (int block = 0; block < count; block++)
            {
                byte* line = first + block * LinesOfBlock * Step;
                for (int index = 0; index < CellsOfBlock * Columns; index++)
                    ((uint*)bytes)[(index % Columns * count + block) * CellsOfBlock + index / Columns] = ((uint*)line)[index];
                Vector256.Load((float*)(line + CellsOfBlock * Step)).Store(scales + block * Columns);
                Vector256.Load((float*)(line + (CellsOfBlock + 1) * Step)).Store(least + block * Columns);
            }
        }
    }
}
