using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What listeners hear, after OpenTelemetry's conventions for generative AI.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly List<Activity> spans = [];
    private readonly List<(string Name, double Value, Dictionary<string, object?> Tags)> measured = [];
    private readonly ActivityListener activities;
    private readonly MeterListener meters = new();

    public TelemetryTests()
    {
        activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == TesseraTelemetry.SourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(activities);
        meters.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == TesseraTelemetry.SourceName)
                listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) => measured.Add((instrument.Name, value, new(tags.ToArray())))
        );
        meters.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) => measured.Add((instrument.Name, value, new(tags.ToArray())))
        );
        meters.Start();
    }

    public void Dispose()
    {
        activities.Dispose();
        meters.Dispose();
    }

    [Fact]
    public async Task An_answer_is_a_span_with_the_conventions_attributes()
    {
        using var outer = new Activity("outer");
        outer.Start();
        await foreach (
            ChatResponseUpdate _ in new FakeModel(TemplateSources.Hermes, "Hello")
                .Client()
                .GetStreamingResponseAsync(
                    "Hi",
                    new ChatOptions
                    {
                        Temperature = 0.5f,
                        MaxOutputTokens = 9,
                        StopSequences = ["x"],
                    }
                )
        ) { }
        Assert.Same(outer, Activity.Current);
        Activity span = Assert.Single(spans);
        Assert.Equal(
            ("chat fake", ActivityKind.Internal, outer.SpanId, ActivityStatusCode.Unset),
            (span.DisplayName, span.Kind, span.ParentSpanId, span.Status)
        );
        Dictionary<string, object?> tags = new(span.TagObjects);
        Assert.Equal(
            ("chat", "tessera", "fake", "fake"),
            (tags["gen_ai.operation.name"], tags["gen_ai.provider.name"], tags["gen_ai.request.model"], tags["gen_ai.response.model"])
        );
        Assert.Equal(
            (0.5f, 9, 50L, 3L, 10),
            (
                tags["gen_ai.request.temperature"],
                tags["gen_ai.request.max_tokens"],
                tags["gen_ai.usage.input_tokens"],
                tags["gen_ai.usage.output_tokens"],
                tags["gen_ai.usage.cache_read.input_tokens"]
            )
        );
        Assert.Equal(["stop"], (string[])tags["gen_ai.response.finish_reasons"]!);
        Assert.Equal(["x"], (string[])tags["gen_ai.request.stop_sequences"]!);
        Assert.StartsWith("tessera-", (string)tags["gen_ai.response.id"]!);
        Assert.DoesNotContain(tags.Keys, static key => key.Contains("message", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_answer_is_measured()
    {
        await new FakeModel(TemplateSources.Hermes, "Hello").Client().GetResponseAsync("Hi");
        Assert.Equal(50, Value("gen_ai.client.token.usage", "input"));
        Assert.Equal(3, Value("gen_ai.client.token.usage", "output"));
        Assert.Equal(0.02, Value("gen_ai.server.time_to_first_token"), 6);
        Assert.Equal(0.02, Value("gen_ai.server.time_per_output_token"), 6);
        Assert.True(Value("gen_ai.client.operation.duration") > 0);
        Assert.All(
            measured,
            static entry =>
                Assert.Equal(
                    ("chat", "tessera", "fake"),
                    (entry.Tags["gen_ai.operation.name"], entry.Tags["gen_ai.provider.name"], entry.Tags["gen_ai.request.model"])
                )
        );
    }

    [Fact]
    public async Task A_failure_is_an_error_by_its_type()
    {
        var model = new FakeModel(TemplateSources.Hermes, "Hello") { Failure = new TesseraException("Out of luck.") };
        await Assert.ThrowsAsync<TesseraException>(() => model.Client().GetResponseAsync("Hi"));
        await Assert.ThrowsAsync<ChatOptionException>(() =>
            model.Client().GetResponseAsync("Hi", new ChatOptions { ConversationId = "1" })
        );
        Assert.Equal([ActivityStatusCode.Error, ActivityStatusCode.Error], spans.Select(static span => span.Status));
        Assert.Equal(
            ["Tessera.TesseraException", "Tessera.Extensions.AI.ChatOptionException"],
            spans.Select(static span => (string)span.GetTagItem("error.type")!)
        );
        Assert.All(
            measured,
            static entry => Assert.Equal(("gen_ai.client.operation.duration", true), (entry.Name, entry.Tags.ContainsKey("error.type")))
        );
        Assert.Equal(2, measured.Count);
    }

    private double Value(string name, string? kind = null) =>
        Assert.Single(measured, entry => entry.Name == name && (kind is null || Equals(entry.Tags["gen_ai.token.type"], kind))).Value;
}
