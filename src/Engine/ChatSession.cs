using System.Runtime.CompilerServices;
using Tessera.Answers;
using Tessera.Prompting;
using Tessera.Text;

namespace Tessera;

/// <summary>
/// A conversation about pictures. What an answer has been computed from is kept: the next turn prefills only what is new, and a fork
/// shares its beginning. One answer of a session is generated at a time; calls wait for each other. Thread-safe.
/// </summary>
public sealed class ChatSession : IDisposable
{
    private readonly MultimodalModel model;
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly CancellationTokenSource lifetime = new();
    private volatile ConversationTurn[] turns = [];
    private bool isDisposed;

    internal ChatSession(MultimodalModel model, ChatSessionOptions options)
    {
        this.model = model;
        Options = options;
        turns = [.. options.Turns.Select(static turn => TurnOf(turn.Message, new GeneratedAnswer(turn.Answer, turn.Answer, [])))];
    }

    /// <summary>How the conversation is held. A change counts from the next answer on.</summary>
    public ChatSessionOptions Options { get; set; }

    /// <summary>Keeps apart what a conversation from a file says was computed.</summary>
    internal KeyOrigin Origin { get; private set; }

    /// <summary>The turns so far.</summary>
    public IReadOnlyList<ChatTurn> Turns => [.. turns.Select(static turn => new ChatTurn(MessageOf(turn), turn.Answer!.Text))];

    /// <summary>Sends a message and streams the answer. Cancelled or failed, it leaves the conversation as it was.</summary>
    /// <param name="message">The message.</param>
    /// <param name="options">How to generate; null for the defaults.</param>
    /// <param name="progress">Told how far encoding and prefill are, on other threads.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    /// <exception cref="PromptTooLongException">The message does not fit the context.</exception>
    /// <exception cref="EngineBusyException">Too many answers are waiting.</exception>
    public IAsyncEnumerable<GenerationUpdate> SendStreamingAsync(
        UserMessage message,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(message);
        return AnswerStreamingAsync(turns => (turns, message), options, progress, cancellationToken);
    }

    /// <summary>Answers the last message again, in the place of its answer.</summary>
    /// <exception cref="InvalidOperationException">There is no turn yet.</exception>
    public IAsyncEnumerable<GenerationUpdate> RegenerateStreamingAsync(
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    ) => AnswerStreamingAsync(static turns => (Earlier(turns), MessageOf(turns[^1])), options, progress, cancellationToken);

    /// <summary>Replaces the last message and its answer.</summary>
    /// <exception cref="InvalidOperationException">There is no turn yet.</exception>
    public IAsyncEnumerable<GenerationUpdate> EditStreamingAsync(
        UserMessage message,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(message);
        return AnswerStreamingAsync(turns => (Earlier(turns), message), options, progress, cancellationToken);
    }

    /// <summary>What a message would cost; nothing is encoded.</summary>
    /// <exception cref="ImageException">A picture cannot be read.</exception>
    public Task<MessageCost> MeasureAsync(
        UserMessage message,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(message);
        return Task.Run(
            () =>
            {
                ConversationTurn[] before = turns;
                (ComposedPrompt prompt, int dropped) = Fit(
                    [.. before, TurnOf(message)],
                    options ?? new GenerationOptions(),
                    refuses: false
                );
                int alone =
                    dropped > 0 || before.Length == 0
                        ? model.Composer.Compose(new Conversation(Options.System, [TurnOf(message)])).Length
                        : prompt.Length - model.Composer.Compose(new Conversation(Options.System, before)).Length;
                return new MessageCost(alone, prompt.Length, model.ContextLength, dropped);
            },
            cancellationToken
        );
    }

    /// <summary>A conversation of its own that begins as this one; what was computed is shared.</summary>
    public ChatSession Fork()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return new ChatSession(model, Options) { turns = turns, Origin = Origin };
    }

    /// <summary>Forgets all turns.</summary>
    public void Clear() => turns = [];

    /// <summary>
    /// Writes the conversation to a file: its pictures with their embeddings, and the KV cache if it is there. The file appears whole or
    /// not at all, in the place of any other one; <see cref="IsSaved"/> tells whether that is a conversation too.
    /// </summary>
    /// <exception cref="TesseraException">The file cannot be written.</exception>
    public async Task SaveAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        await gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await new ChatSessionFile(model).SaveAsync(path, this, turns, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Ends the answer that is running and lets go of what was kept.</summary>
    public void Dispose()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        lifetime.Cancel();
        model.Scheduler.Forget(this);
    }

    /// <summary>Takes up turns that were read from a file.</summary>
    internal void Restore(ConversationTurn[] restored, KeyOrigin origin) => (turns, Origin) = (restored, origin);

    /// <summary>Whether there is a file at a path that <see cref="SaveAsync"/> wrote, of this version or another one.</summary>
    public static bool IsSaved(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return ChatArchive.IsOne(path);
    }

    internal static ConversationTurn TurnOf(UserMessage message, GeneratedAnswer? answer = null) =>
        new(message.Text, message.Media, message.Limits, answer);

    private static UserMessage MessageOf(ConversationTurn turn) => new(turn.Text) { Media = turn.Media, Limits = turn.Limits };

    private static ConversationTurn[] Earlier(ConversationTurn[] turns) =>
        turns.Length > 0 ? turns[..^1] : throw new InvalidOperationException("The conversation has no turn yet.");

    private async IAsyncEnumerable<GenerationUpdate> AnswerStreamingAsync(
        Func<ConversationTurn[], (ConversationTurn[] History, UserMessage Message)> choose,
        GenerationOptions? options,
        IProgress<EngineProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        options ??= new GenerationOptions();
        options.Check();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.Token);
        await gate.WaitAsync(stop.Token).ConfigureAwait(false);
        try
        {
            (ConversationTurn[] history, UserMessage message) = choose(turns);
            ConversationTurn turn = TurnOf(message);
            (ComposedPrompt prompt, int dropped) = await Task.Run(
                    () => Fit([.. history, turn], options, refuses: Options.Overflow == ContextOverflow.Refuse),
                    stop.Token
                )
                .ConfigureAwait(false);
            await foreach (
                GenerationUpdate update in model
                    .Answers.StreamAsync(prompt, options, trimsStart: true, this, progress, stop.Token, Origin)
                    .ConfigureAwait(false)
            )
            {
                if (update.Result is not { } result)
                {
                    yield return update;
                    continue;
                }

                turns = [.. history, turn with { Answer = model.Composer.AnswerOf(result) }];
                yield return update with
                {
                    Result = result with { DroppedTurnCount = dropped },
                };
            }
        }
        finally
        {
            gate.Release();
        }
    }

    // Leaves out as few of the oldest turns as it takes for the prompt and the longest answer to fit.
    private (ComposedPrompt Prompt, int DroppedCount) Fit(ConversationTurn[] conversation, GenerationOptions options, bool refuses)
    {
        int answerLength = Math.Min(options.MaxTokens, model.ContextLength / 4);
        for (int dropped = 0; ; dropped++)
        {
            ComposedPrompt prompt = model.Composer.Compose(new Conversation(Options.System, conversation[dropped..]));
            if (
                prompt.Length + answerLength <= model.ContextLength
                || dropped == conversation.Length - 1
                || (refuses && prompt.Length < model.ContextLength)
            )
                return (prompt, dropped);
            if (refuses)
                throw new PromptTooLongException(prompt.Length, model.ContextLength);
        }
    }
}
