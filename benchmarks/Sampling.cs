using BenchmarkDotNet.Attributes;
using Tessera.Text;
using Tessera.Text.Llama;
using Tessera.Text.Sampling;

namespace Tessera.Benchmarks;

/// <summary>Choosing one token of 152064.</summary>
public class Sampling : IDisposable
{
    // It never ends, however many tokens are chosen.
    private const string Grammar = "root ::= [a-z ] root";

    private readonly SmallLanguageModel file = new(blockCount: 1);
    private readonly LanguageModel model;
    private readonly LlamaLanguage context;
    private readonly Sampler greedy,
        random,
        constrained;

    public Sampling()
    {
        model = LanguageModel.Load(file.Path, gpuLayerCount: 0, progress: null, CancellationToken.None);
        context = new LlamaLanguage(model, length: 256, sequenceCount: 1, threadCount: 1);
        ContextBatch batch = new(capacity: 1, model.EmbeddingWidth, lookup: null);
        batch.AddToken(token: 0, sequence: 0, position: 0, wantsLogits: true);
        if (context.Decode(batch) != DecodeOutcome.Done)
            throw new InvalidOperationException("The token could not be decoded.");
        SamplerSettings settings = new(
            Temperature: 0.8f,
            TopK: 40,
            TopP: 0.95f,
            MinP: 0.05f,
            RepeatPenalty: 1.1f,
            FrequencyPenalty: 0,
            PresencePenalty: 0,
            PenaltyWindow: 64,
            Seed: 1
        );
        greedy = new Sampler(settings with { Temperature = 0, RepeatPenalty = 1 }, model.Vocabulary, model.Path);
        random = new Sampler(settings, model.Vocabulary, model.Path);
        constrained = new Sampler(settings with { Grammar = Grammar }, model.Vocabulary, model.Path);
    }

    [Benchmark(Baseline = true)]
    public int Greedy() => greedy.Sample(context.Logits(0));

    /// <summary>Repeat penalty, top-k, top-p, min-p, temperature.</summary>
    [Benchmark]
    public int Random() => random.Sample(context.Logits(0));

    /// <summary>The same with a grammar that refuses nearly every free choice, which is its worst case.</summary>
    [Benchmark]
    public int Constrained() => constrained.Sample(context.Logits(0));

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[greedy, random, constrained, context, model, file])
            part.Dispose();
        GC.SuppressFinalize(this);
    }
}
