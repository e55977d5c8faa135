using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Sums of products for eight rows that lie side by side, one in each lane of a vector: what all of them are multiplied with is read once,
/// as it lies, and nothing has to be transposed or summed across lanes.
/// </summary>
internal static unsafe class LaneSums
{
    /// <summary>Rows side by side.</summary>
    public const int Lanes = 8;

    /// <summary>Sums that are made at a time.</summary>
    public const int Block = 8;

    /// <summary>Products of the rows with eight keys.</summary>
    /// <param name="queries">The rows [lanes, depth].</param>
    /// <param name="keys">The keys [depth, 8].</param>
    /// <param name="depth">Elements of a key.</param>
    /// <param name="scores">Gets the sums [lanes, 8].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float* queries, float* keys, int depth, float* scores)
    {
        Vector256<float> a = default,
            b = default,
            c = default,
            d = default,
            e = default,
            f = default,
            g = default,
            h = default;
        float* second = keys + depth,
            third = second + depth,
            fourth = third + depth,
            fifth = fourth + depth,
            sixth = fifth + depth,
            seventh = sixth + depth,
            eighth = seventh + depth;
        for (nint index = 0; index < depth; index++, queries += Lanes)
        {
            Vector256<float> query = Avx.LoadVector256(queries);
            a = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(keys + index), a);
            b = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(second + index), b);
            c = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(third + index), c);
            d = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(fourth + index), d);
            e = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(fifth + index), e);
            f = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(sixth + index), f);
            g = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(seventh + index), g);
            h = Fma.MultiplyAdd(query, Avx.BroadcastScalarToVector256(eighth + index), h);
        }

        a.Store(scores);
        b.Store(scores + Lanes);
        c.Store(scores + 2 * Lanes);
        d.Store(scores + 3 * Lanes);
        e.Store(scores + 4 * Lanes);
        f.Store(scores + 5 * Lanes);
        g.Store(scores + 6 * Lanes);
        h.Store(scores + 7 * Lanes);
    }

    /// <summary>Adds values, weighed by the rows.</summary>
    /// <param name="weights">The rows' weights [lanes, tokens].</param>
    /// <param name="tokens">How many values.</param>
    /// <param name="values">The values [size, tokens], from the first of eight channels on.</param>
    /// <param name="size">Channels of a value.</param>
    /// <param name="mixed">The sums [lanes, 8] of those eight channels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(float* weights, int tokens, float* values, int size, float* mixed)
    {
        Vector256<float> a = Avx.LoadVector256(mixed),
            b = Avx.LoadVector256(mixed + Lanes),
            c = Avx.LoadVector256(mixed + 2 * Lanes),
            d = Avx.LoadVector256(mixed + 3 * Lanes),
            e = Avx.LoadVector256(mixed + 4 * Lanes),
            f = Avx.LoadVector256(mixed + 5 * Lanes),
            g = Avx.LoadVector256(mixed + 6 * Lanes),
            h = Avx.LoadVector256(mixed + 7 * Lanes);
        for (int token = 0; token < tokens; token++, weights += Lanes, values += size)
        {
            Vector256<float> weight = Avx.LoadVector256(weights);
            a = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values), a);
            b = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 1), b);
            c = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 2), c);
            d = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 3), d);
            e = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 4), e);
            f = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 5), f);
            g = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 6), g);
            h = Fma.MultiplyAdd(weight, Avx.BroadcastScalarToVector256(values + 7), h);
        }

        a.Store(mixed);
        b.Store(mixed + Lanes);
        c.Store(mixed + 2 * Lanes);
        d.Store(mixed + 3 * Lanes);
        e.Store(mixed + 4 * Lanes);
        f.Store(mixed + 5 * Lanes);
        g.Store(mixed + 6 * Lanes);
        h.Store(mixed + 7 * Lanes);
    }
}
