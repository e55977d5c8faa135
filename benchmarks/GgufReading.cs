using BenchmarkDotNet.Attributes;
using Tessera.Gguf;

namespace Tessera.Benchmarks;

/// <summary>Opening a file with 152064 tokens and 723 tensors, which reads and checks its whole header.</summary>
public class GgufReading : IDisposable
{
    private readonly SmallLanguageModel model = new(blockCount: 80);

    [Benchmark]
    public int Open()
    {
        using GgufFile file = GgufFile.Open(model.Path);
        return file.Tensors.Count;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        model.Dispose();
        GC.SuppressFinalize(this);
    }
}
