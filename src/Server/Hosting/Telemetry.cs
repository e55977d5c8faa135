using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Tessera.Extensions.AI;

namespace Tessera.Server.Hosting;

/// <summary>Metrics for Prometheus; and both metrics and traces for a collector, where OpenTelemetry's variables name one.</summary>
internal static class Telemetry
{
    private const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void Add(IServiceCollection services)
    {
        bool hasCollector = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CollectorVariable));
        OpenTelemetry.OpenTelemetryBuilder telemetry = services
            .AddOpenTelemetry()
            .ConfigureResource(static resource => resource.AddService("tessera"))
            .WithMetrics(metrics =>
            {
                metrics
                    .AddMeter(TesseraTelemetry.SourceName, ServerMetrics.MeterName)
                    .AddAspNetCoreInstrumentation()
                    .AddPrometheusExporter();
                if (hasCollector)
                    metrics.AddOtlpExporter();
            });
        if (hasCollector)
            telemetry.WithTracing(static traces =>
                traces.AddAspNetCoreInstrumentation().AddSource(TesseraTelemetry.SourceName).AddOtlpExporter()
            );
    }
}
