using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>Reads how to generate from a request.</summary>
internal static class SamplingFields
{
    private const int MaxStops = 16;
    private const int MaxTokenLimit = 1 << 24;

    // Of OpenAI's API, without meaning for a model on this machine.
    private static readonly string[] Meaningless =
    [
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "verbosity",
        "prediction",
        "include",
        "truncation",
        "background",
    ];

    /// <summary>The options; formats and tools are read elsewhere.</summary>
    public static ChatOptions Read(Fields body, int defaultMaxTokens)
    {
        body.Ignore(Meaningless);
        long? most =
            body.Whole("max_completion_tokens", 1, long.MaxValue)
            ?? body.Whole("max_tokens", 1, long.MaxValue)
            ?? body.Whole("max_output_tokens", 1, long.MaxValue);
        body.Ignore("max_tokens", "max_output_tokens");
        var options = new ChatOptions
        {
            MaxOutputTokens = (int)Math.Min(most ?? defaultMaxTokens, MaxTokenLimit),
            Temperature = (float?)body.Number("temperature", 0, 100),
            TopP = (float?)body.Number("top_p", 0, 1),
            TopK = (int?)body.Whole("top_k", -1, int.MaxValue) is int topK ? Math.Max(0, topK) : null,
            FrequencyPenalty = (float?)body.Number("frequency_penalty", -100, 100),
            PresencePenalty = (float?)body.Number("presence_penalty", -100, 100),
            Seed = body.Whole("seed", long.MinValue, long.MaxValue),
            StopSequences = body.Texts("stop", MaxStops)?.ToList(),
            AdditionalProperties = [],
        };
        Add(options, "min_p", (float?)body.Number("min_p", 0, 1));
        Add(options, "repeat_penalty", (float?)body.Number("repeat_penalty", 0.01, 100));
        Add(options, "max_slices", (int?)body.Whole("max_slices", 1, 1 << 20));
        Add(options, "max_image_tokens", (int?)body.Whole("max_image_tokens", 1, 1 << 20));
        return options;
    }

    /// <summary>Has probabilities reported, if they are asked for.</summary>
    public static void AddProbabilities(ChatOptions options, int? count)
    {
        if (count is int likeliest)
            options.RawRepresentationFactory = _ => new GenerationOptions { LogProbabilityCount = likeliest };
    }

    /// <summary>How much a model that can think should; null where the request does not say.</summary>
    public static ReasoningOptions? Reasoning(string? effort, string path) =>
        effort switch
        {
            null => null,
            "none" or "minimal" => new ReasoningOptions { Effort = ReasoningEffort.None },
            "low" => new ReasoningOptions { Effort = ReasoningEffort.Low },
            "medium" => new ReasoningOptions { Effort = ReasoningEffort.Medium },
            "high" or "xhigh" => new ReasoningOptions { Effort = ReasoningEffort.High },
            _ => throw ApiException.Field(path, "must be none, minimal, low, medium or high."),
        };

    private static void Add(ChatOptions options, string name, object? value)
    {
        if (value is not null)
            options.AdditionalProperties![name] = value;
    }
}
