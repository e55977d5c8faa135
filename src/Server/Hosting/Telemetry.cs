using System.Collections;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Tessera.Extensions.AI;

namespace Tessera.Server.Hosting;

/// <summary>Metrics for Prometheus; and both metrics and traces for a collector, where OpenTelemetry's variables name one.</summary>
internal static class Telemetry
{
    private const string Prefix = "OTEL_";
    private const string Collector = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsCollector = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesCollector = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    /// <summary>Adds it to a server.</summary>
    /// <param name="services">The server's services.</param>
    /// <param name="configuration">Its settings, which get OpenTelemetry's variables: its exporters read them there.</param>
    public static void Add(IServiceCollection services, IConfigurationManager configuration)
    {
        configuration.AddInMemoryCollection(
            Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .Where(static variable => ((string)variable.Key).StartsWith(Prefix, StringComparison.Ordinal))
                .Select(static variable => KeyValuePair.Create((string)variable.Key, (string?)variable.Value))
        );
        bool Names(string collector) => !string.IsNullOrEmpty(configuration[collector]) || !string.IsNullOrEmpty(configuration[Collector]);
        OpenTelemetry.OpenTelemetryBuilder telemetry = services
            .AddOpenTelemetry()
            .ConfigureResource(static resource => resource.AddService("tessera").AddEnvironmentVariableDetector())
            .WithMetrics(metrics =>
            {
                metrics
                    .AddMeter(TesseraTelemetry.SourceName, ServerMetrics.MeterName)
                    .AddAspNetCoreInstrumentation()
                    .AddPrometheusExporter();
                if (Names(MetricsCollector))
                    metrics.AddOtlpExporter();
            });
        if (Names(TracesCollector))
            telemetry.WithTracing(static traces =>
                traces.AddAspNetCoreInstrumentation().AddSource(TesseraTelemetry.SourceName).AddOtlpExporter()
            );
    }
}
