using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tessera.Extensions.AI;

/// <summary>
/// What Tessera tells OpenTelemetry and other listeners, after the semantic conventions for generative AI
/// (open-telemetry/semantic-conventions-genai): spans <c>chat {model}</c> and <c>embeddings {model}</c>, and histograms of durations and
/// tokens. No text and no picture is recorded.
/// </summary>
public static class TesseraTelemetry
{
    /// <summary>Name of the activity source and of the meter.</summary>
    public const string SourceName = "Tessera";

    internal const string ProviderName = "tessera";

    // Boundaries that the conventions recommend.
    private static readonly double[] Seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly double[] FirstTokenSeconds =
    [
        0.001,
        0.005,
        0.01,
        0.02,
        0.04,
        0.06,
        0.08,
        0.1,
        0.25,
        0.5,
        0.75,
        1.0,
        2.5,
        5.0,
        7.5,
        10.0,
    ];
    private static readonly double[] TokenSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
    private static readonly long[] Tokens = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    internal static ActivitySource Source { get; } = new(SourceName);

    private static Meter Meter { get; } = new(SourceName);

    internal static Histogram<double> OperationDuration { get; } =
        Duration("gen_ai.client.operation.duration", "Time of an operation.", Seconds);

    internal static Histogram<double> TimeToFirstToken { get; } =
        Duration("gen_ai.server.time_to_first_token", "Time to the first token of an answer.", FirstTokenSeconds);

    internal static Histogram<double> TimePerOutputToken { get; } =
        Duration("gen_ai.server.time_per_output_token", "Time of each token after the first.", TokenSeconds);

    internal static Histogram<long> TokenUsage { get; } =
        Meter.CreateHistogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens that an operation used.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = Tokens }
        );

    private static Histogram<double> Duration(string name, string description, double[] boundaries) =>
        Meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });
}
