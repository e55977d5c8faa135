using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tessera.Grammars;

namespace Tessera;

/// <summary>Answers as values of a type.</summary>
public static class TypedAnswers
{
    /// <summary>Answers a prompt with a value. The prompt should say what is wanted: the model does not see the type.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The text and pictures.</param>
    /// <param name="type">The type of the value, from a source-generated context.</param>
    /// <param name="options">How to generate; its format is replaced. Null for the defaults.</param>
    /// <param name="progress">Told how far encoding and prefill are, on other threads.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <exception cref="SchemaException">The type has something that a schema or a grammar cannot say.</exception>
    /// <exception cref="AnswerFormatException">The answer was cut at its most tokens, or the type refuses its values.</exception>
    public static async Task<T> AnswerAsync<T>(
        this MultimodalModel model,
        Prompt prompt,
        JsonTypeInfo<T> type,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(type);
        GenerationOptions typed = await FormattedAsync(options, type, cancellationToken).ConfigureAwait(false);
        return ValueOf(await model.AnswerAsync(prompt, typed, progress, cancellationToken).ConfigureAwait(false), type);
    }

    /// <summary>Sends a message and answers it with a value; see <see cref="AnswerAsync"/>. The turn stays in the conversation even if the
    /// value cannot be read.</summary>
    /// <exception cref="SchemaException">The type has something that a schema or a grammar cannot say.</exception>
    /// <exception cref="AnswerFormatException">The answer was cut at its most tokens, or the type refuses its values.</exception>
    public static async Task<T> SendAsync<T>(
        this ChatSession chat,
        UserMessage message,
        JsonTypeInfo<T> type,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(chat);
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(type);
        GenerationOptions typed = await FormattedAsync(options, type, cancellationToken).ConfigureAwait(false);
        return ValueOf(await chat.SendAsync(message, typed, progress, cancellationToken).ConfigureAwait(false), type);
    }

    private static Task<GenerationOptions> FormattedAsync<T>(
        GenerationOptions? options,
        JsonTypeInfo<T> type,
        CancellationToken cancellationToken
    ) => Task.Run(() => (options ?? new GenerationOptions()) with { Format = AnswerFormat.FromType(type) }, cancellationToken);

    private static T ValueOf<T>(GenerationResult result, JsonTypeInfo<T> type)
    {
        if (result.FinishReason == FinishReason.Length)
            throw new AnswerFormatException(
                $"The answer was cut after {result.TokenIds.Count} tokens, before its JSON was complete: raise MaxTokens or limit the "
                    + $"lengths in {typeof(T).Name}.",
                result.Text
            );
        try
        {
            return JsonSerializer.Deserialize(result.Text, type)
                ?? throw new AnswerFormatException($"The answer is null, which is no {typeof(T).Name}.", result.Text);
        }
        catch (Exception failure)
            when (failure is JsonException or NotSupportedException or ArgumentException or FormatException or OverflowException)
        {
            throw new AnswerFormatException($"The answer is no {typeof(T).Name} ({failure.Message.TrimEnd('.')}).", result.Text, failure);
        }
    }
}
