namespace Tessera;

/// <summary>Answers in one piece, for callers who do not stream.</summary>
public static class WholeAnswers
{
    /// <summary>Answers a question about a picture; like <see cref="MultimodalModel.AnswerStreamingAsync(Prompt, GenerationOptions,
    /// IProgress{EngineProgress}, CancellationToken)"/>.</summary>
    public static Task<GenerationResult> AnswerAsync(
        this MultimodalModel model,
        string question,
        PromptImage image,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(image);
        return model.AnswerAsync(new Prompt(question) { Media = [image] }, options, null, cancellationToken);
    }

    /// <summary>Answers a prompt; like <see cref="MultimodalModel.AnswerStreamingAsync(Prompt, GenerationOptions,
    /// IProgress{EngineProgress}, CancellationToken)"/>.</summary>
    public static Task<GenerationResult> AnswerAsync(
        this MultimodalModel model,
        Prompt prompt,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        return WholeAsync(model.AnswerStreamingAsync(prompt, options, progress, cancellationToken));
    }

    /// <summary>Answers a conversation that the caller keeps; like <see cref="MultimodalModel.AnswerStreamingAsync(Transcript,
    /// GenerationOptions, IProgress{EngineProgress}, CancellationToken)"/>.</summary>
    public static Task<GenerationResult> AnswerAsync(
        this MultimodalModel model,
        Transcript transcript,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        return WholeAsync(model.AnswerStreamingAsync(transcript, options, progress, cancellationToken));
    }

    /// <summary>Sends a message; like <see cref="ChatSession.SendStreamingAsync"/>.</summary>
    public static Task<GenerationResult> SendAsync(
        this ChatSession chat,
        UserMessage message,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(chat);
        return WholeAsync(chat.SendStreamingAsync(message, options, progress, cancellationToken));
    }

    /// <summary>Answers the last message again; like <see cref="ChatSession.RegenerateStreamingAsync"/>.</summary>
    public static Task<GenerationResult> RegenerateAsync(
        this ChatSession chat,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(chat);
        return WholeAsync(chat.RegenerateStreamingAsync(options, progress, cancellationToken));
    }

    /// <summary>Replaces the last message and its answer; like <see cref="ChatSession.EditStreamingAsync"/>.</summary>
    public static Task<GenerationResult> EditAsync(
        this ChatSession chat,
        UserMessage message,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(chat);
        return WholeAsync(chat.EditStreamingAsync(message, options, progress, cancellationToken));
    }

    private static async Task<GenerationResult> WholeAsync(IAsyncEnumerable<GenerationUpdate> updates)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in updates.ConfigureAwait(false))
            result = update.Result ?? result;
        return result ?? throw new InvalidOperationException("The answer has no end.");
    }
}
