using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Rows;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

public sealed unsafe class RowOperationTests : IDisposable
{
    private const int Width = 37,
        Rows = 50;
    private readonly List<nint> memory = [];

    public void Dispose()
    {
        foreach (nint block in memory)
            NativeMemory.Free((void*)block);
    }

    public static TheoryData<string, int, int, Func<double, double>> Activations =>
        new()
        {
            { "GELU", (int)ggml_op.GGML_OP_UNARY, (int)ggml_unary_op.GGML_UNARY_OP_GELU_ERF, static x => x * Normal(x) },
            {
                "GELU by tanh",
                (int)ggml_op.GGML_OP_UNARY,
                (int)ggml_unary_op.GGML_UNARY_OP_GELU,
                static x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
            },
            {
                "quick GELU",
                (int)ggml_op.GGML_OP_UNARY,
                (int)ggml_unary_op.GGML_UNARY_OP_GELU_QUICK,
                static x => x / (1 + Math.Exp(-1.702 * x))
            },
            { "SiLU", (int)ggml_op.GGML_OP_UNARY, (int)ggml_unary_op.GGML_UNARY_OP_SILU, static x => x / (1 + Math.Exp(-x)) },
        };

    [TheoryOnVectors]
    [MemberData(nameof(Activations))]
    public void Activations_are_those_of_their_formulas(string name, int op, int kind, Func<double, double> formula)
    {
        Assert.NotEmpty(name);
        ggml_tensor* x = New(Width, Rows, static index => (index - Width * Rows / 2) / 80f),
            result = Node((ggml_op)op, x, null);
        result->op_params[0] = kind;
        Assert.True(RowOperation.IsSupported(result));
        Compute(result);
        for (int index = 0; index < Width * Rows; index++)
            Assert.InRange(Value(result, index) - formula(Value(x, index)), -3e-6, 3e-6);
    }

    [TheoryOnVectors]
    [InlineData((int)ggml_glu_op.GGML_GLU_OP_SWIGLU, (int)ggml_unary_op.GGML_UNARY_OP_SILU)]
    [InlineData((int)ggml_glu_op.GGML_GLU_OP_GEGLU, (int)ggml_unary_op.GGML_UNARY_OP_GELU)]
    [InlineData((int)ggml_glu_op.GGML_GLU_OP_GEGLU_ERF, (int)ggml_unary_op.GGML_UNARY_OP_GELU_ERF)]
    [InlineData((int)ggml_glu_op.GGML_GLU_OP_GEGLU_QUICK, (int)ggml_unary_op.GGML_UNARY_OP_GELU_QUICK)]
    public void Gates_are_activated_and_multiplied(int gate, int activation)
    {
        ggml_tensor* x = New(Width, Rows, static index => (index - Width * Rows / 2) / 80f),
            up = New(Width, Rows, static index => index % 13 - 6),
            alone = Node(ggml_op.GGML_OP_UNARY, x, null),
            gated = Node(ggml_op.GGML_OP_GLU, x, up);
        (alone->op_params[0], gated->op_params[0]) = (activation, gate);
        Assert.True(RowOperation.IsSupported(gated));
        Compute(alone);
        Compute(gated);
        for (int index = 0; index < Width * Rows; index++)
            Assert.Equal(Value(alone, index) * Value(up, index), Value(gated, index));
        // The halves of one tensor, or the other one first.
        gated->op_params[1] = 1;
        Assert.False(RowOperation.IsSupported(gated));
        gated->op_params[1] = 0;
        gated->src[1] = 0;
        Assert.False(RowOperation.IsSupported(gated));
    }

    [TheoryOnVectors]
    [InlineData(1)]
    [InlineData(4)]
    public void A_chain_is_what_its_parts_are_alone(int threads)
    {
        ggml_tensor* x = New(Width, Rows, static index => index % 31 - 12.5f),
            residual = New(Width, Rows, static index => index % 7),
            bias = New(Width, 1, static index => index * 0.1f),
            gain = New(Width, 1, static index => 1 + index);
        ggml_tensor* sum = Node(ggml_op.GGML_OP_ADD, x, bias),
            all = Node(ggml_op.GGML_OP_ADD, sum, residual),
            norm = Node(ggml_op.GGML_OP_NORM, all, null),
            scaled = Node(ggml_op.GGML_OP_MUL, norm, gain);
        norm->op_params[0] = BitConverter.SingleToInt32Bits(1e-5f);
        var chain = new RowChain();
        foreach (nint node in (nint[])[(nint)sum, (nint)all, (nint)norm, (nint)scaled])
            Assert.True(chain.TryAdd(new RowOperation((ggml_tensor*)node)));
        chain.Compute(threads);
        for (int row = 0; row < Rows; row++)
        {
            double[] values =
            [
                .. Enumerable
                    .Range(row * Width, Width)
                    .Select(index => (double)Value(x, index) + Value(bias, index % Width) + Value(residual, index)),
            ];
            double mean = values.Average(),
                deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Width + 1e-5);
            for (int column = 0; column < Width; column++)
                Assert.InRange(
                    Value(scaled, row * Width + column) - (values[column] - mean) / deviation * Value(gain, column),
                    -2e-4,
                    2e-4
                );
        }
    }

    [FactOnVectors]
    public void What_would_write_over_rows_that_others_need_waits_for_them()
    {
        ggml_tensor* x = New(Width, Rows, static index => index),
            bias = New(Width, 1, static index => index);
        ggml_tensor* first = Node(ggml_op.GGML_OP_ADD, x, bias),
            second = Node(ggml_op.GGML_OP_ADD, first, bias),
            other = Node(ggml_op.GGML_OP_ADD, x, bias);
        var chain = new RowChain();
        Assert.True(chain.TryAdd(new RowOperation(first)));
        Assert.False(chain.TryAdd(new RowOperation(other)));
        byte* own = second->data;
        second->data = x->data + Width * sizeof(float);
        Assert.False(chain.TryAdd(new RowOperation(second)));
        second->data = x->data;
        Assert.True(chain.TryAdd(new RowOperation(second)));
        second->data = own;
    }

    [FactOnVectors]
    public void Gaps_and_other_operators_are_left_to_ggml()
    {
        ggml_tensor* x = New(Width, Rows, static index => index),
            column = New(1, Rows, static index => index),
            sum = Node(ggml_op.GGML_OP_ADD, x, column);
        Assert.False(RowOperation.IsSupported(sum));
        sum->src[1] = (ulong)x;
        Assert.True(RowOperation.IsSupported(sum));
        x->nb[1] += sizeof(float);
        Assert.False(RowOperation.IsSupported(sum));
        x->nb[1] -= sizeof(float);
        sum->op = ggml_op.GGML_OP_UNARY;
        sum->op_params[0] = 4; // tanh
        Assert.False(RowOperation.IsSupported(sum));
    }

    // The normal distribution up to x, by Simpson's rule.
    private static double Normal(double x)
    {
        const int Steps = 2000;
        double sum = 0,
            step = x / Steps;
        for (int index = 0; index <= Steps; index++)
            sum +=
                (
                    index is 0 or Steps ? 1
                    : index % 2 == 1 ? 4
                    : 2
                ) * Math.Exp(-index * step * index * step / 2);
        return 0.5 + sum * step / 3 / Math.Sqrt(2 * Math.PI);
    }

    private static float Value(ggml_tensor* tensor, int index) => ((float*)tensor->data)[index];

    private static void Compute(ggml_tensor* node)
    {
        var chain = new RowChain();
        Assert.True(chain.TryAdd(new RowOperation(node)));
        chain.Compute(2);
    }

    private ggml_tensor* Node(ggml_op op, ggml_tensor* x, ggml_tensor* other)
    {
        ggml_tensor* node = New((int)x->ne[0], (int)x->ne[1], static _ => float.NaN);
        node->op = op;
        (node->src[0], node->src[1]) = ((ulong)x, (ulong)other);
        return node;
    }

    private ggml_tensor* New(int width, int height, Func<int, float> value)
    {
        var tensor = (ggml_tensor*)NativeMemory.AllocZeroed((nuint)(sizeof(ggml_tensor) + width * height * sizeof(float)));
        memory.Add((nint)tensor);
        tensor->data = (byte*)(tensor + 1);
        (tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3]) = (width, height, 1, 1);
        (tensor->nb[0], tensor->nb[1]) = (sizeof(float), (ulong)width * sizeof(float));
        tensor->nb[2] = tensor->nb[3] = tensor->nb[1] * (ulong)height;
        for (int index = 0; index < width * height; index++)
            ((float*)tensor->data)[index] = value(index);
        return tensor;
    }
}
