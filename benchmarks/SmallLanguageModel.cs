using Tessera.Engine.Tests.Gguf;
using Tessera.Synthetic;

namespace Tessera.Benchmarks;

/// <summary>A language model file with a large model's vocabulary and number of tensors, but narrow.</summary>
internal sealed class SmallLanguageModel : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public SmallLanguageModel(int blockCount)
    {
        Path = folder.File("model.gguf");
        SyntheticModels.WriteLanguage(
            LanguageShape.Qwen7B with
            {
                Width = 64,
                FeedForward = 64,
                Blocks = blockCount,
                Heads = 1,
                KeyHeads = 1,
            },
            Path
        );
    }

    public string Path { get; }

    public void Dispose() => folder.Dispose();
}
