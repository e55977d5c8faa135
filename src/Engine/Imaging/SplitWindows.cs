using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>
/// Windows in the form that byte products read: groups of four weights, each weight split as <c>high * 2^16 + middle * 2^8 + low</c>
/// with signed bytes, so that sums of byte products give the exact 32-bit sum.
/// </summary>
internal sealed class SplitWindows : GroupedWindows<int>
{
    /// <summary>Numbers of one group: four low bytes, four middle ones, four high ones.</summary>
    public const int GroupLength = 3;

    /// <summary>Whether this processor has byte products (AVX-VNNI).</summary>
    public static bool AreSupported => AvxVnni.IsSupported;

    /// <summary>Splits every window.</summary>
    public SplitWindows(ResampleWindows windows)
        : base(windows, GroupLength)
    {
        for (int i = 0; i < windows.Count; i++)
            SplitWeights(GroupOffsets[i], windows.Weights(i));
    }

    private void SplitWeights(int firstGroup, ReadOnlySpan<int> weights)
    {
        for (int k = 0; k < weights.Length; k++)
        {
            Span<int> group = Weights.AsSpan((firstGroup + k / GroupSize) * GroupLength, GroupLength);
            int shift = k % GroupSize * 8;
            // A weight is little more than 2^22, so the high part fits a byte.
            int low = (sbyte)weights[k],
                middle = (sbyte)((weights[k] - low) >> 8),
                high = (weights[k] - low - (middle << 8)) >> 16;
            group[0] |= (low & 0xFF) << shift;
            group[1] |= (middle & 0xFF) << shift;
            group[2] |= (high & 0xFF) << shift;
        }
    }
}
