using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>
/// Answers with a model on this machine. Keeps no conversation: all messages come with each request, and what was computed for the same
/// beginning before is reused. Thread-safe; any number of answers may run at once.
/// </summary>
public sealed class TesseraChatClient : IChatClient
{
    private readonly Func<CancellationToken, Task<ChatBackend>> open;
    private readonly Func<MultimodalModel?> loaded;
    private readonly IDisposable? owned;
    private readonly ChatClientMetadata metadata;
    private readonly string modelId;
    private readonly bool allowFileUris;
    private int isDisposed;

    /// <summary>Answers with a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelId">What the model is called; null for its file's name.</param>
    /// <param name="ownsModel">Whether disposing the client disposes the model.</param>
    /// <param name="allowFileUris">Whether pictures are read from <c>file:</c> addresses; for messages of the program's own only.</param>
    public TesseraChatClient(MultimodalModel model, string? modelId = null, bool ownsModel = false, bool allowFileUris = false)
        : this(
            ChatBackend.Of(model ?? throw new ArgumentNullException(nameof(model))),
            modelId ?? Path.GetFileNameWithoutExtension(model.Path),
            ownsModel ? model : null,
            allowFileUris
        ) { }

    internal TesseraChatClient(ChatBackend backend, string modelId, IDisposable? owned = null, bool allowFileUris = false)
        : this(_ => Task.FromResult(backend), () => backend.Model, modelId, owned, allowFileUris) { }

    internal TesseraChatClient(
        Func<CancellationToken, Task<ChatBackend>> open,
        Func<MultimodalModel?> loaded,
        string modelId,
        IDisposable? owned,
        bool allowFileUris
    )
    {
        (this.open, this.loaded, this.modelId, this.owned) = (open, loaded, modelId, owned);
        this.allowFileUris = allowFileUris;
        metadata = new ChatClientMetadata(TesseraTelemetry.ProviderName, null, modelId);
    }

    /// <summary>Answers in one piece.</summary>
    /// <inheritdoc cref="GetStreamingResponseAsync"/>
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default
    ) => GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <summary>Answers, streaming.</summary>
    /// <param name="messages">The whole conversation.</param>
    /// <param name="options">How to answer; null for the defaults of <see cref="GenerationOptions"/>.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <exception cref="ChatContentException">A part of a message cannot go to the model.</exception>
    /// <exception cref="ChatOptionException">An option cannot be followed.</exception>
    /// <exception cref="TesseraException">The model cannot be loaded, or fails.</exception>
    /// <exception cref="ObjectDisposedException">The client or the model is disposed.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed) != 0, this);
        using GenAIOperation operation = GenAIOperation.Chat(modelId, options);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = AnswerAsync(messages, options, operation, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await updates.MoveNextAsync().ConfigureAwait(false))
                    yield break;
            }
            catch (Exception failure)
            {
                operation.Fail(failure);
                throw;
            }

            yield return updates.Current;
            operation.Resume();
        }
    }

    /// <summary>Gives <see cref="ChatClientMetadata"/>, the <see cref="MultimodalModel"/> once it is loaded, or the client
    /// itself.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        if (serviceType == typeof(ChatClientMetadata))
            return metadata;
        if (serviceType == typeof(MultimodalModel))
            return loaded();
        return serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Refuses further requests, and disposes the model if the client owns it: then answers that run end with
    /// <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
            owned?.Dispose();
    }

    private async IAsyncEnumerable<ChatResponseUpdate> AnswerAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options,
        GenAIOperation operation,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        ChatBackend backend = await open(cancellationToken).ConfigureAwait(false);
        ChatRequest request = await Task.Run(
                () => ChatRequest.MapAsync(messages, options, backend.Traits, modelId, this, allowFileUris, cancellationToken),
                cancellationToken
            )
            .ConfigureAwait(false);
        var answer = new AnswerUpdates(request, options, modelId);
        await foreach (
            GenerationUpdate update in backend.Answers(request.Transcript, request.Generation, cancellationToken).ConfigureAwait(false)
        )
        {
            foreach (ChatResponseUpdate part in answer.Append(update))
                yield return part;
            if (update.Result is not { } result)
                continue;
            foreach (ChatResponseUpdate part in answer.Finish())
                yield return part;
            ChatResponseUpdate last = answer.End(result);
            operation.Complete(last.ResponseId!, last.FinishReason!.Value, result);
            yield return last;
        }
    }
}
