using System.Diagnostics;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>The span and the measurements of one operation; disposing ends it.</summary>
internal sealed class GenAIOperation : IDisposable
{
    private readonly long started = Stopwatch.GetTimestamp();
    private readonly Activity? activity;
    private readonly string operation,
        model;
    private string? errorType;

    private GenAIOperation(string operation, string model)
    {
        (this.operation, this.model) = (operation, model);
        // Known before the span starts, so that samplers may look at them. The model runs in this process, hence the kind.
        activity = TesseraTelemetry.Source.StartActivity($"{operation} {model}", ActivityKind.Internal, default(ActivityContext), Tags());
    }

    /// <summary>Starts an answer.</summary>
    public static GenAIOperation Chat(string model, ChatOptions? options)
    {
        var operation = new GenAIOperation("chat", model);
        if (operation.activity is { IsAllDataRequested: true } activity && options is not null)
            AddRequest(activity, options);
        return operation;
    }

    /// <summary>Starts making embeddings.</summary>
    public static GenAIOperation Embeddings(string model) => new("embeddings", model);

    /// <summary>Makes the span the current one again, which an iterator loses with each item it hands out.</summary>
    public void Resume()
    {
        if (activity is not null)
            Activity.Current = activity;
    }

    /// <summary>Takes note of an answer's end.</summary>
    public void Complete(string responseId, ChatFinishReason finish, GenerationResult result)
    {
        activity
            ?.SetTag("gen_ai.response.id", responseId)
            .SetTag("gen_ai.response.model", model)
            .SetTag("gen_ai.response.finish_reasons", new[] { Conventional(finish) });
        activity?.SetTag("gen_ai.usage.cache_read.input_tokens", result.ReusedTokenCount);
        Count(result.PromptTokenCount, "input", "gen_ai.usage.input_tokens");
        Count(result.TokenIds.Count, "output", "gen_ai.usage.output_tokens");
        TagList tags = [.. Tags()];
        TesseraTelemetry.TimeToFirstToken.Record(result.Timings.FirstTokenMs / 1000, tags);
        if (result.TokenIds.Count > 1)
            TesseraTelemetry.TimePerOutputToken.Record(result.Timings.DecodeMs / 1000 / (result.TokenIds.Count - 1), tags);
    }

    /// <summary>Takes note of embeddings.</summary>
    public void Complete(int dimensions, long tokenCount)
    {
        activity?.SetTag("gen_ai.response.model", model).SetTag("gen_ai.embeddings.dimension.count", dimensions);
        Count(tokenCount, "input", "gen_ai.usage.input_tokens");
    }

    /// <summary>Takes note of a failure.</summary>
    public void Fail(Exception failure)
    {
        errorType = failure.GetType().FullName;
        activity?.SetTag("error.type", errorType).SetStatus(ActivityStatusCode.Error, failure.Message);
    }

    public void Dispose()
    {
        TagList tags = [.. Tags()];
        if (errorType is not null)
            tags.Add("error.type", errorType);
        TesseraTelemetry.OperationDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
        activity?.Dispose();
    }

    private void Count(long tokenCount, string kind, string tag)
    {
        activity?.SetTag(tag, tokenCount);
        TesseraTelemetry.TokenUsage.Record(tokenCount, [.. Tags(), new("gen_ai.token.type", kind)]);
    }

    private KeyValuePair<string, object?>[] Tags() =>
        [
            new("gen_ai.operation.name", operation),
            new("gen_ai.provider.name", TesseraTelemetry.ProviderName),
            new("gen_ai.request.model", model),
        ];

    private static void AddRequest(Activity activity, ChatOptions options)
    {
        Set(activity, "gen_ai.request.temperature", options.Temperature);
        Set(activity, "gen_ai.request.top_p", options.TopP);
        Set(activity, "gen_ai.request.top_k", options.TopK);
        Set(activity, "gen_ai.request.max_tokens", options.MaxOutputTokens);
        Set(activity, "gen_ai.request.frequency_penalty", options.FrequencyPenalty);
        Set(activity, "gen_ai.request.presence_penalty", options.PresencePenalty);
        Set(activity, "gen_ai.request.seed", options.Seed);
        Set(activity, "gen_ai.request.stop_sequences", options.StopSequences?.ToArray());
        Set(
            activity,
            "gen_ai.output.type",
            options.ResponseFormat is null ? null
                : options.ResponseFormat is ChatResponseFormatJson ? "json"
                : "text"
        );
    }

    private static void Set(Activity activity, string name, object? value)
    {
        if (value is not null)
            activity.SetTag(name, value);
    }

    // The conventions say tool_call where Microsoft.Extensions.AI says tool_calls.
    private static string Conventional(ChatFinishReason finish) => finish == ChatFinishReason.ToolCalls ? "tool_call" : finish.Value;
}
