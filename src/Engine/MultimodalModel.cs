using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Tessera.Answers;
using Tessera.ChatTemplates;
using Tessera.Compute;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Llama;
using Tessera.Text.Scheduling;
using Tessera.Vision.Encoding;

namespace Tessera;

/// <summary>
/// A language model with its eyes: loads both files, and answers prompts of text and pictures. Any number of answers and conversations
/// may run at once, from any threads: they are decoded together.
/// </summary>
public sealed class MultimodalModel : IDisposable, IAsyncDisposable
{
    private readonly ILanguageModel language;
    private readonly AnswerScheduler scheduler;
    private readonly PromptComposer composer;
    private readonly MediaEncoder? encoder;
    private readonly EmbeddingFolder? imageFolder;
    private readonly LanguageModelFile file;
    private readonly MappedFiles mapped;
    private readonly bool hasOwnTemplate;
    private readonly TokenEmbeddings? tokenEmbeddings;
    private readonly CancellationTokenSource lifetime = new();
    private readonly AnswerMemory memory = new();
    private int isDisposed;

    internal MultimodalModel(ModelOptions options, LanguageModelFile file, ILanguageModel language, VisionModel? vision, MappedFiles mapped)
    {
        this.file = file;
        this.language = language;
        this.mapped = mapped;
        Vision = vision;
        ChatTemplate = options.ChatTemplate is { } own ? ChatTemplates.ChatTemplate.Parse(own, "the chat template") : file.Template;
        hasOwnTemplate = options.ChatTemplate is not null;
        composer = new PromptComposer(language, vision?.Projector, ChatTemplate);
        if (vision is not null)
        {
            imageFolder = ModelLoader.FolderOf(options);
            encoder = new MediaEncoder(vision.Projector, new EmbeddingCache(options.ImageCacheBytes, imageFolder));
        }

        tokenEmbeddings = TokenEmbeddings.Find(file.Parts[0], language.EmbeddingWidth, file.RequireUnchanged);
        language.Adapt(options.Adapters);
        SchedulerLimits limits = ModelLoader.LimitsOf(options, language);
        scheduler = new AnswerScheduler(
            language.Open(limits.CacheLength, limits.SequenceCount, limits.ThreadCount, limits.CacheType),
            limits,
            tokenEmbeddings is null ? null : tokenEmbeddings.LookUp
        );
        mapped.SetMapped();
        file.TakeFingerprint();
        if (language.IsOnProcessor)
            mapped.CopyAhead(file.ByteLength, language is LanguageModel ? file.Repacked : []);
    }

    /// <summary>The vision half, or null for a model that sees no pictures.</summary>
    public VisionModel? Vision { get; }

    /// <summary>The language model's file.</summary>
    public string Path => language.Path;

    /// <summary>The chat template: <see cref="ModelOptions.ChatTemplate"/>'s, else that in the language model's file, or null.</summary>
    public ChatTemplate? ChatTemplate { get; }

    /// <summary>Tokens of context that one answer has with its prompt.</summary>
    public int ContextLength => scheduler.ContextLength;

    /// <summary>Tokens of context that the language model was trained with; 0 where its file does not say.</summary>
    public int TrainedContextLength => language.TrainedContextLength * Math.Max(1, language.PositionFactor);

    /// <summary>Why embeddings could last not be read from or written to <see cref="ModelOptions.ImageCacheFolder"/>, which fails no
    /// answer; null while all goes well.</summary>
    public Exception? ImageCacheFailure => imageFolder?.Failure;

    /// <summary>Width of what stands for a token in the language model.</summary>
    public int EmbeddingWidth => language.EmbeddingWidth;

    /// <summary>Whether memory was too short for the context that the model would have by default.</summary>
    public bool IsContextShortened { get; internal init; }

    internal PromptComposer Composer => composer;

    internal AnswerScheduler Scheduler => scheduler;

    internal AnswerRun Answers => new(composer, encoder, scheduler, RequireUnchanged, lifetime.Token);

    /// <summary>Tells both files apart from others.</summary>
    internal string Fingerprint =>
        $"{file.Fingerprint} {Vision?.Projector.Fingerprint}{language.Settings}"
        + (hasOwnTemplate ? $" template {Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ChatTemplate!.Source)))}" : "");

    /// <summary>Loads a model off the caller's thread.</summary>
    /// <param name="options">The files and where to run them.</param>
    /// <param name="progress">Told how far it is, on other threads.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">A file cannot be used, or the two do not fit each other.</exception>
    /// <exception cref="NotEnoughMemoryException">This machine's memory cannot hold it.</exception>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used, or memory is short.</exception>
    public static Task<MultimodalModel> LoadAsync(
        ModelOptions options,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        return Task.Run(() => ModelLoader.Load(options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Answers a prompt, streaming.</summary>
    /// <param name="prompt">The text and pictures.</param>
    /// <param name="options">How to generate; null for the defaults.</param>
    /// <param name="progress">Told how far encoding and prefill are, on other threads.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <returns>Pieces of text; the last one holds the result.</returns>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    /// <exception cref="PromptTooLongException">The prompt does not fit the context.</exception>
    public async IAsyncEnumerable<GenerationUpdate> AnswerStreamingAsync(
        Prompt prompt,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ThrowIfDisposed();
        options ??= new GenerationOptions();
        options.Check();
        prompt.Limits.Check();
        ComposedPrompt composed = await Task.Run(() => composer.Compose(Conversation.Of(prompt)), cancellationToken).ConfigureAwait(false);
        await foreach (
            GenerationUpdate update in Answers
                .StreamAsync(composed, options, !prompt.IsRaw, this, progress, cancellationToken)
                .ConfigureAwait(false)
        )
            yield return update;
    }

    /// <summary>Answers a conversation that the caller keeps, streaming; like
    /// <see cref="AnswerStreamingAsync(Prompt, GenerationOptions, IProgress{EngineProgress}, CancellationToken)"/>.</summary>
    /// <exception cref="TemplateException">The chat template fails on it.</exception>
    public async IAsyncEnumerable<GenerationUpdate> AnswerStreamingAsync(
        Transcript transcript,
        GenerationOptions? options = null,
        IProgress<EngineProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(transcript);
        ThrowIfDisposed();
        options ??= new GenerationOptions();
        options.Check();
        transcript.Limits.Check();
        ComposedPrompt composed = await Task.Run(() => composer.Compose(transcript, memory), cancellationToken).ConfigureAwait(false);
        await foreach (
            GenerationUpdate update in Answers
                .StreamAsync(composed, options, transcript.AnswerStart.Length == 0, this, progress, cancellationToken)
                .ConfigureAwait(false)
        )
        {
            if (update.Result is not null)
                memory.Add(composer.AnswerOf(update.Result));
            yield return update;
        }
    }

    /// <summary>The embeddings of pictures and videos as they enter the language model: those in the cache from there, the others made
    /// together.</summary>
    /// <returns>[width, tokens] of each picture; the width is <see cref="VisionModel.EmbeddingWidth"/>.</returns>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    /// <exception cref="TesseraException">The model sees no pictures.</exception>
    public async Task<IReadOnlyList<ReadOnlyMemory<float>>> EncodeAsync(
        IReadOnlyList<PromptMedia> media,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(media);
        ThrowIfDisposed();
        IReadOnlyList<PlannedMedia> planned = await Task.Run(() => composer.PlanAlone(media), cancellationToken).ConfigureAwait(false);
        return
        [
            .. (await Answers.EncodeAsync(planned, progress, cancellationToken).ConfigureAwait(false)).Select(picture =>
                Vision is { Projector: { BesideWidth: > 0 } projector }
                    ? RowParts.Take(picture.Values, projector.RowWidth, 0, projector.EmbeddingWidth)
                    : picture.Values
            ),
        ];
    }

    /// <summary>A text as it enters the language model, in the space of <see cref="EncodeAsync"/>'s pictures.</summary>
    /// <param name="text">The text; special tokens in it are these.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>[width, tokens], the rows of the model's token embeddings; the width is <see cref="EmbeddingWidth"/>.</returns>
    /// <exception cref="PromptTooLongException">It has more tokens than the context.</exception>
    /// <exception cref="TesseraException">The architecture does more with a token than to look it up, or the file cannot be
    /// read.</exception>
    public async Task<ReadOnlyMemory<float>> EncodeTextAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        ThrowIfDisposed();
        if (tokenEmbeddings is not { } table)
            throw new TesseraException($"{Path}: its architecture does more with a token than to look it up, so texts have no rows.");
        IReadOnlyList<int> tokens = await Task.Run(() => Tokenizer.Encode(text), cancellationToken).ConfigureAwait(false);
        if (tokens.Count > ContextLength)
            throw new PromptTooLongException(tokens.Count, ContextLength);
        // Between two steps, because decoding looks tokens up in the same table.
        return await scheduler
            .RunAsync<ReadOnlyMemory<float>>((_, _) => Rows(table, tokens))
            .WaitAsync(cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Starts a conversation.</summary>
    public ChatSession StartChat(ChatSessionOptions? options = null)
    {
        ThrowIfDisposed();
        return new ChatSession(this, options ?? new ChatSessionOptions());
    }

    /// <summary>Text to tokens and back, as this model has them.</summary>
    public Tokenizer Tokenizer => new(language);

    /// <summary>Continues a conversation that <see cref="ChatSession.SaveAsync"/> wrote.</summary>
    /// <exception cref="TesseraException">The file is damaged, or belongs to another model or version.</exception>
    public Task<ChatSession> LoadChatAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new ChatSessionFile(this).LoadAsync(path, cancellationToken);
    }

    /// <summary>
    /// Ends all answers, whose callers get <see cref="ObjectDisposedException"/>, and frees the model. It waits for the step that is
    /// running; a user interface calls <see cref="DisposeAsync"/>.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
            return;
        lifetime.Cancel();
        scheduler.Dispose();
        Vision?.Dispose();
        language.Dispose();
        mapped.Dispose();
        file.Dispose();
    }

    /// <summary>Like <see cref="Dispose"/>, off the caller's thread.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>The embeddings of a conversation's pictures that are in the cache.</summary>
    internal IEnumerable<MediaEmbeddings> CachedEmbeddings(IReadOnlyList<ConversationTurn> turns, KeyOrigin origin) =>
        encoder is null || turns.Count == 0 ? [] : encoder.Cached(composer.Compose(new Conversation(null, turns)).Media, origin);

    /// <summary>What the embeddings of a conversation's pictures are known by, and how many numbers they have.</summary>
    internal IEnumerable<(MediaKey Key, int ValueCount)> EmbeddingsOf(IReadOnlyList<ConversationTurn> turns) =>
        encoder is null || turns.Count == 0 ? [] : encoder.Expected(composer.Compose(new Conversation(null, turns)).Media);

    /// <summary>Puts saved embeddings into the cache.</summary>
    internal void Remember(MediaKey key, float[] values) => encoder?.Remember(key, values);

    private float[] Rows(TokenEmbeddings table, IReadOnlyList<int> tokens)
    {
        var rows = new float[tokens.Count * EmbeddingWidth];
        for (int index = 0; index < tokens.Count; index++)
            table.LookUp(tokens[index], rows.AsSpan(index * EmbeddingWidth, EmbeddingWidth));
        return rows;
    }

    private void RequireUnchanged()
    {
        if (mapped.AreExposed)
            file.RequireUnchanged();
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed) != 0, this);
}
