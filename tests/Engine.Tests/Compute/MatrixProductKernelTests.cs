using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

public sealed unsafe class MatrixProductKernelTests
{
    // Eight standard deviations: rounding to 8 bits takes at most one part in 512 from either factor, evenly spread; to 16 bits, of
    // 131,072.
    private const double RoundedError = 8 * 0.8165 / 512,
        ExactError = 8 * 0.8165 / 131072;

    [TheoryOnMatrixUnits]
    [InlineData(64, 32, 32)]
    [InlineData(1024, 96, 577)]
    [InlineData(4096, 256, 65)]
    [InlineData(4304, 72, 33)]
    [InlineData(33, 1, 1000)]
    [InlineData(588, 41, 100)]
    [InlineData(2048, 4096, 64)]
    public void Products_are_those_of_single_precision(int depth, int columns, int rows)
    {
        var random = new Random(depth);
        using var tensors = new ProductTensors(depth, columns, rows, random);
        using var kernel = new MatrixProductKernel();
        foreach (
            (ggml_prec precision, double tolerance) in ((ggml_prec, double)[])
                [(ggml_prec.GGML_PREC_BF16, RoundedError), (ggml_prec.GGML_PREC_UNDEFINED, ExactError)]
        )
        {
            foreach (int threads in (int[])[1, 3])
            {
                double worst = tensors.WorstError(kernel, precision, threads);
                Assert.InRange(worst, 0, tolerance);
            }
        }
    }

    [FactOnMatrixUnits]
    public void Rows_packed_once_serve_several_products_of_one_graph()
    {
        using var first = new ProductTensors(128, 64, 40, new Random(1));
        using var kernel = new MatrixProductKernel();
        Assert.InRange(first.WorstError(kernel, ggml_prec.GGML_PREC_BF16, 1), 0, RoundedError);
        Assert.InRange(first.WorstError(kernel, ggml_prec.GGML_PREC_BF16, 1, isNewGraph: false), 0, RoundedError);
        // Rounded rows do not serve an exact product.
        Assert.InRange(first.WorstError(kernel, ggml_prec.GGML_PREC_F32, 1, isNewGraph: false), 0, ExactError);
        Assert.InRange(first.WorstError(kernel, ggml_prec.GGML_PREC_BF16, 1, isNewGraph: false), 0, RoundedError);
    }
}

/// <summary>A product of random numbers in float32, as ggml describes it.</summary>
internal sealed unsafe class ProductTensors : IDisposable
{
    private readonly int depth,
        columns,
        rows;
    private readonly float* weight,
        x,
        result;
    private readonly ggml_tensor* tensors = (ggml_tensor*)NativeMemory.AllocZeroed(3, (nuint)sizeof(ggml_tensor));

    public ProductTensors(int depth, int columns, int rows, Random random)
    {
        (this.depth, this.columns, this.rows) = (depth, columns, rows);
        weight = Fill(tensors, depth, columns, random);
        x = Fill(tensors + 1, depth, rows, random);
        result = Fill(tensors + 2, columns, rows, random);
        tensors[2].src[0] = (ulong)tensors;
        tensors[2].src[1] = (ulong)(tensors + 1);
    }

    /// <summary>The largest error of a sum, in units of the root of its products' sum of squares.</summary>
    public double WorstError(MatrixProductKernel kernel, ggml_prec precision, int threads, bool isNewGraph = true)
    {
        if (isNewGraph)
            kernel.Begin();
        tensors[2].op_params[3] = (int)precision;
        new Span<float>(result, columns * rows).Fill(float.NaN);
        kernel.Compute(new MatrixProduct(tensors + 2), threads);
        double worst = 0;
        for (int row = 0; row < rows; row += Math.Max(1, rows / 70))
        {
            int step = Math.Max(1, columns / 60);
            for (int column = row % step; column < columns; column += step)
            {
                double sum = 0,
                    squares = 0;
                for (int index = 0; index < depth; index++)
                {
                    double part = (double)weight[(long)column * depth + index] * x[(long)row * depth + index];
                    sum += part;
                    squares += part * part;
                }

                double error = Math.Abs(result[(long)row * columns + column] - sum) / Math.Sqrt(squares);
                worst = error <= worst ? worst : error;
                if (double.IsNaN(error))
                    return double.NaN;
            }
        }

        return worst;
    }

    public void Dispose()
    {
        NativeMemory.Free(weight);
        NativeMemory.Free(x);
        NativeMemory.Free(result);
        NativeMemory.Free(tensors);
    }

    private static float* Fill(ggml_tensor* tensor, int width, int height, Random random)
    {
        var values = (float*)NativeMemory.Alloc((nuint)width * (nuint)height, sizeof(float));
        for (long index = 0; index < (long)width * height; index++)
            values[index] = random.NextSingle() * 2 - 1;
        *tensor = new ggml_tensor { type = ggml_type.GGML_TYPE_F32, data = (byte*)values };
        (tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3]) = (width, height, 1, 1);
        (tensor->nb[0], tensor->nb[1]) = (sizeof(float), (ulong)width * sizeof(float));
        tensor->nb[2] = tensor->nb[3] = tensor->nb[1] * (ulong)height;
        return values;
    }
}
