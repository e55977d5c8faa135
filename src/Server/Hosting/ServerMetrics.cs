using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;

namespace Tessera.Server.Hosting;

/// <summary>What the server measures beside what the chat client does: the queue, the caches and the pictures.</summary>
internal sealed class ServerMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tessera.Server";

    private readonly Meter meter = new(MeterName);
    private readonly Counter<long> refused,
        promptTokens,
        cachedTokens,
        answers,
        cachedImages;
    private readonly Histogram<double> encodeTime,
        tokenRate;

    public ServerMetrics()
    {
        refused = meter.CreateCounter<long>("tessera.queue.refused", "{request}", "Requests that found the queue full.");
        promptTokens = meter.CreateCounter<long>("tessera.prompt.tokens", "{token}", "Tokens of prompts.");
        cachedTokens = meter.CreateCounter<long>("tessera.prompt.cached_tokens", "{token}", "Those that were in the KV cache.");
        answers = meter.CreateCounter<long>("tessera.answers", "{answer}", "Answers that were finished.");
        cachedImages = meter.CreateCounter<long>("tessera.images.cached", "{image}", "Pictures whose embeddings were in the cache.");
        encodeTime = Histogram("tessera.image.encode.duration", "s", "Time of an answer's pictures in the vision tower.", 0.005, 2.5);
        tokenRate = Histogram("tessera.answer.token_rate", "{token}/s", "Tokens a second of one answer.", 1, 2);
    }

    /// <summary>Has the queue and the models looked at whenever somebody collects.</summary>
    public void Observe(Func<RateLimiterStatistics> queue, Func<int> models)
    {
        meter.CreateObservableGauge("tessera.queue.waiting", () => queue().CurrentQueuedCount, "{request}", "Requests that wait.");
        meter.CreateObservableGauge("tessera.models.loaded", models, "{model}", "Models in memory.");
    }

    public void CountRefused() => refused.Add(1);

    public void Count(string model, GenerationResult result)
    {
        TagList tags = [new("model", model)];
        answers.Add(1, tags);
        promptTokens.Add(result.PromptTokenCount, tags);
        cachedTokens.Add(result.ReusedTokenCount, tags);
        cachedImages.Add(result.CachedImageCount, tags);
        if (result.ImageTokenCount > 0)
            encodeTime.Record(result.Timings.EncodeMs / 1000, tags);
        if (result.TokenIds.Count > 1 && result.Timings.DecodeMs > 0)
            tokenRate.Record((result.TokenIds.Count - 1) / result.Timings.DecodeMs * 1000, tags);
    }

    public void Dispose() => meter.Dispose();

    private Histogram<double> Histogram(string name, string unit, string description, double first, double factor)
    {
        double[] boundaries = [.. Enumerable.Range(0, 12).Select(step => Math.Round(first * Math.Pow(factor, step), 4))];
        return meter.CreateHistogram(
            name,
            unit,
            description,
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries }
        );
    }
}
