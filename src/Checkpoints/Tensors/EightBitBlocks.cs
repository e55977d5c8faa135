using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace Tessera.Checkpoints.Tensors;

/// <summary>
/// ggml's Q8_0: of 32 elements a half scale and 32 bytes. Rounding: ggml-org/llama.cpp v0.5.0, gguf-py/gguf/quants.py, where halves go away
/// from zero.
/// </summary>
internal static class EightBitBlocks
{
    public const int ElementCount = 32;
    public const int ByteLength = 34;
    private const int ScaleByteLength = 2;
    private static readonly Vector256<float> Sign = Vector256.Create(-0.0f);

    /// <summary>Quantizes whole blocks.</summary>
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> target)
    {
        for (int block = 0; block < values.Length / ElementCount; block++)
            QuantizeBlock(values.Slice(block * ElementCount, ElementCount), target.Slice(block * ByteLength, ByteLength));
    }

    private static void QuantizeBlock(ReadOnlySpan<float> values, Span<byte> target)
    {
        Vector256<float> first = Vector256.Create(values),
            second = Vector256.Create(values[8..]),
            third = Vector256.Create(values[16..]),
            fourth = Vector256.Create(values[24..]);
        Vector256<float> greatest = Vector256.Max(
            Vector256.Max(Vector256.Abs(first), Vector256.Abs(second)),
            Vector256.Max(Vector256.Abs(third), Vector256.Abs(fourth))
        );
        Vector128<float> greater = Vector128.Max(greatest.GetLower(), greatest.GetUpper());
        float scale = MathF.Max(MathF.Max(greater[0], greater[1]), MathF.Max(greater[2], greater[3])) / 127;
        BinaryPrimitives.WriteHalfLittleEndian(target, (Half)scale);
        var inverse = Vector256.Create(scale == 0 ? 0 : 1 / scale);
        Vector256<short> lower = Vector256.Narrow(Round(first * inverse), Round(second * inverse)),
            upper = Vector256.Narrow(Round(third * inverse), Round(fourth * inverse));
        Vector256.Narrow(lower, upper).AsByte().CopyTo(target[ScaleByteLength..]);
    }

    private static Vector256<int> Round(Vector256<float> values)
    {
        Vector256<float> magnitude = Vector256.Abs(values),
            floor = Vector256.Floor(magnitude);
        return Vector256.ConvertToInt32((floor + Vector256.Floor((magnitude - floor) * 2)) | (values & Sign));
    }
}
