using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Synthetic;

/// <summary>Writes tensors of random values: matrices in one type, vectors as float32. The seed is fixed, so equal calls give equal
/// files.</summary>
internal sealed class SyntheticWeights(GgufWriter writer, GgufTensorType matrixType) : ProjectorDraft
{
    // About the spread of trained weights, so that activations stay finite through all blocks.
    private const float Deviation = 0.02f;
    private const int ChunkLength = 1 << 20;
    private readonly byte[] chunk = Chunk(matrixType);
    private readonly byte[] halves = Chunk(GgufTensorType.F16);

    public override void Metadata(string key, GgufValue value) => writer.AddMetadata(key, value);

    /// <summary>A matrix [inputs, outputs]; F16 where the type's blocks do not fit the inputs, as quantizers fall back.</summary>
    public override void Matrix(string name, long inputs, long outputs)
    {
        if (inputs % matrixType.BlockLength() == 0)
            Add(name, matrixType, chunk, inputs, outputs);
        else
            Half(name, inputs, outputs);
    }

    /// <summary>A matrix as F16 whatever the others are, for patch kernels and position tables.</summary>
    public override void Half(string name, params long[] shape) => Add(name, GgufTensorType.F16, halves, shape);

    /// <summary>A vector of one value.</summary>
    public override void Vector(string name, long width, float value) =>
        writer.AddTensor(name, GgufTensorType.F32, [width], MemoryMarshal.AsBytes(Enumerable.Repeat(value, (int)width).ToArray().AsSpan()));

    /// <summary>Random values as float32.</summary>
    public override void Values(string name, params long[] shape) => Add(name, GgufTensorType.F32, Chunk(GgufTensorType.F32), shape);

    private void Add(string name, GgufTensorType type, byte[] source, params long[] shape)
    {
        long elements = shape.Aggregate(1L, static (product, side) => product * side);
        long length = elements / type.BlockLength() * type.BlockByteLength();
        writer.AddTensor(
            name,
            type,
            shape,
            stream =>
            {
                for (long left = length; left > 0; left -= source.Length)
                    stream.Write(source, 0, (int)Math.Min(left, source.Length));
            }
        );
    }

    private static byte[] Chunk(GgufTensorType type)
    {
        var random = new Random(2026);
        int blockLength = type.BlockByteLength();
        var bytes = new byte[ChunkLength / blockLength * blockLength];
        switch (type)
        {
            case GgufTensorType.F32:
                foreach (ref float value in MemoryMarshal.Cast<byte, float>(bytes.AsSpan()))
                    value = Next(random);
                break;
            case GgufTensorType.F16:
                foreach (ref Half value in MemoryMarshal.Cast<byte, Half>(bytes.AsSpan()))
                    value = (Half)Next(random);
                break;
            case GgufTensorType.Q8_0:
                FillQ8(bytes, blockLength, random);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Synthetic models are F16 or Q8_0.");
        }

        return bytes;
    }

    // ggml 0.25.1, ggml-common.h, block_q8_0: the scale as half, then 32 signed bytes.
    private static void FillQ8(byte[] bytes, int blockLength, Random random)
    {
        random.NextBytes(bytes);
        const float Scale = Deviation / 73; // of bytes spread evenly over -127 to 127
        for (int block = 0; block < bytes.Length; block += blockLength)
            BitConverter.TryWriteBytes(bytes.AsSpan(block, 2), (Half)Scale);
    }

    private static float Next(Random random) => (random.NextSingle() * 2 - 1) * Deviation * MathF.Sqrt(3);
}
