using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Rows;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Eight queries, one in each lane, against stretches of keys, tile by tile with a running softmax, as <see cref="AttentionTile"/> has it.
/// </summary>
/// <param name="queries">The queries, scaled: [lanes, head].</param>
/// <param name="scores">Room for [lanes, <see cref="Tokens"/>] floats.</param>
/// <param name="part">What has been summed so far, <see cref="PartLength"/> floats: of each lane the greatest score, then the weights'
/// sum, then the mixed values.</param>
internal readonly unsafe struct LaneTile(float* queries, float* scores, float* part)
{
    /// <summary>Keys of a tile.</summary>
    public const int Tokens = 32;

    private const int Lanes = LaneSums.Lanes;

    private float* Sums => part + Lanes;

    private float* Mixed => part + 2 * Lanes;

    /// <summary>Floats of a part.</summary>
    public static int PartLength(int valueSize) => (2 + valueSize) * Lanes;

    /// <summary>Nothing has been seen yet.</summary>
    public void Begin(int valueSize)
    {
        Vector256.Create(float.NegativeInfinity).Store(part);
        new Span<float>(Sums, (1 + valueSize) * Lanes).Clear();
    }

    /// <summary>Scores of a tile's keys [head, tokens]; there is memory for a whole tile.</summary>
    public void Score(float* keys, int headSize, int tokens)
    {
        for (int token = 0; token < tokens; token += LaneSums.Block)
            LaneSums.Score(queries, keys + token * headSize, headSize, scores + token * Lanes);
        new Span<float>(scores + tokens * Lanes, (Tokens - tokens) * Lanes).Fill(float.NegativeInfinity);
    }

    /// <summary>Adds a mask to one lane.</summary>
    public void AddMask(int lane, float* mask, int tokens)
    {
        for (int token = 0; token < tokens; token++)
            scores[token * Lanes + lane] += mask[token];
    }

    /// <summary>Scores -> their weights, with what was summed before scaled to the greatest score so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Weigh(int valueSize)
    {
        Vector256<float> before = Vector256.Load(part),
            even = before,
            odd = before;
        for (int token = 0; token < Tokens; token += 2)
        {
            even = Avx.Max(even, Vector256.Load(scores + token * Lanes));
            odd = Avx.Max(odd, Vector256.Load(scores + (token + 1) * Lanes));
        }

        Vector256<float> greatest = Avx.Max(even, odd),
            reference = Finite(greatest),
            sum = Vector256.Load(Sums);
        if (Avx.MoveMask(Avx.CompareNotEqual(greatest, before)) != 0)
        {
            greatest.Store(part);
            Vector256<float> factor = Exp(before - reference);
            sum *= factor;
            for (int channel = 0; channel < valueSize; channel++)
                (Vector256.Load(Mixed + channel * Lanes) * factor).Store(Mixed + channel * Lanes);
        }

        Vector512<float> references = Vector512.Create(reference, reference),
            total = default;
        for (int token = 0; token < Tokens; token += 2)
        {
            Vector512<float> weights = VectorMath.Exp(Vector512.Load(scores + token * Lanes) - references);
            weights.Store(scores + token * Lanes);
            total += weights;
        }

        (sum + total.GetLower() + total.GetUpper()).Store(Sums);
    }

    /// <summary>Adds a tile's values [size, tokens], weighed.</summary>
    public void Mix(float* values, int valueSize, int tokens)
    {
        for (int channel = 0; channel < valueSize; channel += LaneSums.Block)
            LaneSums.Mix(scores, tokens, values + channel, valueSize, Mixed + channel * Lanes);
    }

    /// <summary>Adds what another part has seen of other keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(float* other, int valueSize)
    {
        Vector256<float> own = Vector256.Load(part),
            its = Vector256.Load(other),
            greatest = Avx.Max(own, its),
            reference = Finite(greatest),
            ownFactor = Exp(own - reference),
            itsFactor = Exp(its - reference);
        greatest.Store(part);
        for (int index = 1; index < 2 + valueSize; index++)
            (ownFactor * Vector256.Load(part + index * Lanes) + itsFactor * Vector256.Load(other + index * Lanes)).Store(
                part + index * Lanes
            );
    }

    /// <summary>Writes one lane's values; zeros where it attends to nothing.</summary>
    public void Store(int lane, int valueSize, float* result)
    {
        float factor = Sums[lane] == 0 ? 0 : 1 / Sums[lane];
        for (int channel = 0; channel < valueSize; channel++)
            result[channel] = Mixed[channel * Lanes + lane] * factor;
    }

    // Minus infinity, from which nothing can be taken away, stands for no scores yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Finite(Vector256<float> greatest) =>
        Vector256.AndNot(greatest, Vector256.Equals(greatest, Vector256.Create(float.NegativeInfinity)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Exp(Vector256<float> x) => VectorMath.Exp(Vector512.Create(x, x)).GetLower();
}
