using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Tessera.Compute;

namespace Tessera.Benchmarks;

/// <summary>One layer's attention by Tessera's kernel and by ggml's, on the same threads.</summary>
[SuppressMessage("Design", "CA1001", Justification = "BenchmarkDotNet calls Cleanup.")]
public class Attention
{
    private const string ViTL = "ViT-L/14-336, 5 tiles",
        SigLip = "SigLIP at 448, 1 tile";
    private readonly Dictionary<string, (int Head, int Value, int Tokens, int Heads, int Slices)> shapes = new()
    {
        [ViTL] = (64, 64, 577, 16, 5),
        [SigLip] = (72, 80, 1024, 16, 1),
    };

    private Run? own;
    private Run? ggml;

    /// <summary>The tower.</summary>
    [Params(ViTL, SigLip)]
    public string Shape { get; set; } = ViTL;

    /// <summary>Fills queries, keys and values with random numbers.</summary>
    [GlobalSetup]
    public void Setup() => (own, ggml) = (new Run(shapes[Shape], useKernels: true), new Run(shapes[Shape], useKernels: false));

    /// <summary>By the kernel in src/Engine/Compute/Kernels.</summary>
    [Benchmark]
    public void Tessera() => own!.Compute();

    /// <summary>By ggml's processor backend.</summary>
    [Benchmark(Baseline = true)]
    public void Ggml() => ggml!.Compute();

    /// <summary>Frees what <see cref="Setup"/> made.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        own?.Dispose();
        ggml?.Dispose();
    }

    private sealed class Run : IDisposable
    {
        private readonly ComputeDevice device;
        private readonly GraphRunner runner;
        private readonly Graph graph;

        public Run((int Head, int Value, int Tokens, int Heads, int Slices) shape, bool useKernels)
        {
            device = ComputeDevice.Open(useKernels: useKernels);
            runner = new GraphRunner(device, nodeCapacity: 64);
            graph = runner.NewGraph();
            graph.Output(
                graph.FlashAttention(
                    Input("query", shape.Head, shape),
                    Input("key", shape.Head, shape),
                    Input("value", shape.Value, shape),
                    1 / MathF.Sqrt(shape.Head)
                )
            );
        }

        public void Compute() => runner.Run(graph);

        public void Dispose()
        {
            graph.Dispose();
            runner.Dispose();
            device.Dispose();
        }

        private Tensor Input(string name, int size, (int Head, int Value, int Tokens, int Heads, int Slices) shape)
        {
            var random = new Random(name.Length);
            float[] values =
            [
                .. Enumerable.Range(0, size * shape.Tokens * shape.Heads * shape.Slices).Select(_ => random.NextSingle() - 0.5f),
            ];
            return graph.Input(name, values, size, shape.Tokens, shape.Heads, shape.Slices);
        }
    }
}
