using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Compute.Kernels.Steps;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

/// <summary>What stands between the products of a language model's graph, against formulas.</summary>
public sealed unsafe class StepOperationTests : IDisposable
{
    private const int Head = 12,
        Heads = 3,
        Tokens = 2;
    private readonly List<nint> memory = [];

    public void Dispose()
    {
        foreach (nint block in memory)
            NativeMemory.Free((void*)block);
    }

    [TheoryOnVectors]
    [InlineData(0, 12, false)]
    [InlineData(0, 8, true)]
    [InlineData(2, 12, true)]
    [InlineData(2, 8, false)]
    public void Channels_turn_by_their_positions(int mode, int channels, bool hasFactors)
    {
        const float Base = 100,
            PositionScale = 0.5f,
            Magnitude = 1.25f;
        ggml_tensor* x = New(ggml_type.GGML_TYPE_F32, sizeof(float), Head, Heads, Tokens),
            node = New(ggml_type.GGML_TYPE_F32, sizeof(float), Head, Heads, Tokens),
            positions = New(ggml_type.GGML_TYPE_F32, sizeof(int), Tokens, 1, 1),
            factors = New(ggml_type.GGML_TYPE_F32, sizeof(float), Head / 2, 1, 1);
        for (int index = 0; index < Head * Heads * Tokens; index++)
            ((float*)x->data)[index] = index % 17 - 8;
        for (int token = 0; token < Tokens; token++)
            ((int*)positions->data)[token] = 5 + 40 * token;
        for (int pair = 0; pair < Head / 2; pair++)
            ((float*)factors->data)[pair] = 1 + pair;
        node->op = ggml_op.GGML_OP_ROPE;
        (node->src[0], node->src[1], node->src[2]) = ((ulong)x, (ulong)positions, hasFactors ? (ulong)factors : 0);
        (node->op_params[1], node->op_params[2]) = (channels, mode);
        (node->op_params[5], node->op_params[6], node->op_params[8]) = (Bits(Base), Bits(PositionScale), Bits(Magnitude));
        Assert.True(StepOperation.IsSupported(node));
        new HeadRotation(node).Compute();
        for (int index = 0; index < Head * Heads * Tokens; index++)
        {
            int channel = index % Head,
                pair = mode == 0 ? channel / 2 : channel % (channels / 2),
                first = mode == 0 ? 2 * pair : pair,
                second = mode == 0 ? first + 1 : pair + channels / 2;
            double expected = Value(x, index);
            if (channel < channels)
            {
                double angle = PositionScale * (5 + 40 * (index / Head / Heads)) * Math.Pow(Base, -2.0 * pair / channels);
                var turn = System.Numerics.Complex.FromPolarCoordinates(Magnitude, hasFactors ? angle / (1 + pair) : angle);
                var turned = turn * new System.Numerics.Complex(Value(x, index - channel + first), Value(x, index - channel + second));
                expected = channel == first ? turned.Real : turned.Imaginary;
            }

            Assert.InRange(Value(node, index) - expected, -2e-5, 2e-5);
        }

        node->op_params[7] = Bits(1); // YaRN
        Assert.False(StepOperation.IsSupported(node));
        (node->op_params[7], node->op_params[2]) = (0, 8); // several axes
        Assert.False(StepOperation.IsSupported(node));
    }

    [TheoryOnVectors]
    [InlineData((int)ggml_type.GGML_TYPE_F32, 4)]
    [InlineData((int)ggml_type.GGML_TYPE_F16, 2)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, Q8Blocks.ByteLength)]
    public void Rows_of_the_cache_are_written_where_the_indices_say(int type, int unit)
    {
        const int Width = 64,
            CacheLength = 5;
        int blocks = type == (int)ggml_type.GGML_TYPE_Q8_0 ? Width / Q8Blocks.Length : Width;
        ggml_tensor* rows = New(ggml_type.GGML_TYPE_F32, sizeof(float), Width, Tokens, 1),
            indices = New(ggml_type.GGML_TYPE_I64, sizeof(long), Tokens, 1, 1),
            cache = New((ggml_type)type, unit, blocks, CacheLength, 1);
        cache->ne[0] = Width;
        for (int index = 0; index < Width * Tokens; index++)
            ((float*)rows->data)[index] = (index - 60) / 7f;
        (((long*)indices->data)[0], ((long*)indices->data)[1]) = (3, 1);
        cache->op = ggml_op.GGML_OP_SET_ROWS;
        (cache->src[0], cache->src[1]) = ((ulong)rows, (ulong)indices);
        Assert.True(StepOperation.IsSupported(cache));
        new CacheRows(cache).Compute();
        var expected = new byte[CacheLength * blocks * unit];
        for (int row = 0; row < Tokens; row++)
        {
            var from = new ReadOnlySpan<float>((float*)rows->data + row * Width, Width);
            Span<byte> to = expected.AsSpan((row == 0 ? 3 : 1) * blocks * unit, blocks * unit);
            if (type == (int)ggml_type.GGML_TYPE_Q8_0)
                Q8Blocks.Quantize(from, to);
            else if (type == (int)ggml_type.GGML_TYPE_F32)
                MemoryMarshal.AsBytes(from).CopyTo(to);
            else
                for (int index = 0; index < Width; index++)
                    BitConverter.TryWriteBytes(to[(2 * index)..], (Half)from[index]);
        }

        Assert.Equal(expected, new ReadOnlySpan<byte>(cache->data, expected.Length).ToArray());
        rows->ne[2] = 2;
        Assert.False(StepOperation.IsSupported(cache));
    }

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);

    private static float Value(ggml_tensor* tensor, int index) => ((float*)tensor->data)[index];

    private ggml_tensor* New(ggml_type type, int unit, int width, int height, int count)
    {
        var tensor = (ggml_tensor*)NativeMemory.AllocZeroed((nuint)(sizeof(ggml_tensor) + width * height * count * unit));
        memory.Add((nint)tensor);
        tensor->data = (byte*)(tensor + 1);
        tensor->type = type;
        (tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3]) = (width, height, count, 1);
        (tensor->nb[0], tensor->nb[1]) = ((ulong)unit, (ulong)(width * unit));
        (tensor->nb[2], tensor->nb[3]) = (tensor->nb[1] * (ulong)height, tensor->nb[1] * (ulong)(height * count));
        return tensor;
    }
}
