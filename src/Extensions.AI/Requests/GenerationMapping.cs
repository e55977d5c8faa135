using System.Globalization;
using Microsoft.Extensions.AI;
using Tessera.Grammars;

namespace Tessera.Extensions.AI;

/// <summary>Maps a chat's options to the engine's.</summary>
internal static class GenerationMapping
{
    /// <summary>The engine's options.</summary>
    /// <param name="options">The chat's; null for the defaults.</param>
    /// <param name="client">The client, for <see cref="ChatOptions.RawRepresentationFactory"/>, whose <see cref="GenerationOptions"/> are
    /// where the others come from.</param>
    /// <exception cref="ChatOptionException">An option has a value of the wrong type.</exception>
    public static GenerationOptions Of(ChatOptions? options, IChatClient client)
    {
        if (options is null)
            return new GenerationOptions();
        GenerationOptions start = options.RawRepresentationFactory?.Invoke(client) as GenerationOptions ?? new GenerationOptions();
        GenerationOptions mapped = start with
        {
            MaxTokens = options.MaxOutputTokens ?? start.MaxTokens,
            Temperature = options.Temperature ?? start.Temperature,
            TopK = options.TopK ?? start.TopK,
            TopP = options.TopP ?? start.TopP,
            FrequencyPenalty = options.FrequencyPenalty ?? start.FrequencyPenalty,
            PresencePenalty = options.PresencePenalty ?? start.PresencePenalty,
            Seed = options.Seed is long seed ? SeedOf(seed) : start.Seed,
            StopStrings = options.StopSequences is { } stops ? [.. stops] : start.StopStrings,
            MinP = Number(options, "min_p") ?? start.MinP,
            RepeatPenalty = Number(options, "repeat_penalty") ?? start.RepeatPenalty,
        };
        return options.ResponseFormat is ChatResponseFormatJson json ? WithFormat(mapped, json) : mapped;
    }

    /// <summary>The limits on each picture's slices and tokens: <c>max_slices</c> and <c>max_image_tokens</c>.</summary>
    /// <param name="options">The chat's; null for none.</param>
    /// <exception cref="ChatOptionException">A limit is no whole number, or none that can be.</exception>
    public static PlanRequest LimitsOf(ChatOptions? options) =>
        options is null
            ? PlanRequest.Default
            : new PlanRequest { MaxSlices = Limit(options, "max_slices"), MaxImageTokens = Limit(options, "max_image_tokens") };

    private static int? Limit(ChatOptions options, string name) =>
        Number(options, name) is not float limit ? null
        : limit is >= 1 and <= 1 << 24 && limit == MathF.Floor(limit) ? (int)limit
        : throw new ChatOptionException($"AdditionalProperties[\"{name}\"]", $"'{limit}' is no whole number of at least 1.");

    // An answer that is held to JSON, or to the schema that the format gives.
    private static GenerationOptions WithFormat(GenerationOptions options, ChatResponseFormatJson format)
    {
        try
        {
            return options with { Format = format.Schema is { } schema ? AnswerFormat.FromSchema(schema) : AnswerFormat.JsonObject };
        }
        catch (SchemaException failure)
        {
            throw new ChatOptionException(nameof(ChatOptions.ResponseFormat), failure.Message, failure);
        }
    }

    // The engine's seeds have 32 bits; those that fit stay as they are.
    private static uint SeedOf(long seed) => unchecked((uint)seed ^ (seed is >= 0 and <= uint.MaxValue ? 0 : (uint)(seed >> 32)));

    private static float? Number(ChatOptions options, string name)
    {
        if (options.AdditionalProperties?.TryGetValue(name, out object? value) != true || value is null)
            return null;
        try
        {
            return value is System.Text.Json.JsonElement json ? json.GetSingle() : Convert.ToSingle(value, CultureInfo.InvariantCulture);
        }
        catch (Exception failure)
            when (failure is FormatException or InvalidCastException or OverflowException or InvalidOperationException)
        {
            throw new ChatOptionException($"AdditionalProperties[\"{name}\"]", $"'{value}' is no number.", failure);
        }
    }
}
