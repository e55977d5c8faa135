using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Tessera.Templates;
using Tessera.Text;

namespace Tessera;

/// <summary>
/// A language model with its eyes: loads both files, and answers prompts of text and pictures. Answers are generated one after
/// another; calls from several threads wait for each other.
/// </summary>
public sealed class MultimodalModel : IDisposable
{
    private readonly LanguageModel language;
    private readonly LanguageContext context;
    private readonly SemaphoreSlim turn = new(1, 1);

    private readonly ChatTemplate? template;

    private MultimodalModel(LanguageModel language, LanguageContext context, VisionModel? vision, ChatTemplate? template)
    {
        this.template = template;
        this.language = language;
        this.context = context;
        Vision = vision;
    }

    /// <summary>The vision half, or null for a model that sees no pictures.</summary>
    public VisionModel? Vision { get; }

    /// <summary>Tokens of context.</summary>
    public int ContextLength => context.Length;

    /// <summary>Loads a model off the caller's thread.</summary>
    /// <param name="options">The files and where to run them.</param>
    /// <param name="progress">Told how far it is, on other threads.</param>
    /// <param name="cancellationToken">Stops the loading.</param>
    /// <exception cref="ModelFileException">A file cannot be used, or the two do not fit each other.</exception>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used, or memory is short.</exception>
    public static Task<MultimodalModel> LoadAsync(ModelOptions options, IProgress<EngineProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Load(options, progress, cancellationToken), cancellationToken);

    /// <summary>Answers a prompt, streaming.</summary>
    /// <param name="prompt">The text and pictures.</param>
    /// <param name="options">How to generate; null for the defaults.</param>
    /// <param name="progress">Told how far encoding and prefill are, on other threads.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <returns>Pieces of text; the last one holds the result.</returns>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    /// <exception cref="PromptTooLongException">The prompt does not fit the context.</exception>
    public async IAsyncEnumerable<GenerationUpdate> GenerateAsync(Prompt prompt, GenerationOptions? options = null, IProgress<EngineProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        options.Check();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        var updates = Channel.CreateUnbounded<GenerationUpdate>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task work = Task.Run(() => Generate(prompt, options, progress, updates.Writer, stop.Token), CancellationToken.None);
        try
        {
            await foreach (GenerationUpdate update in updates.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false)) yield return update;
        }
        finally
        {
            // A caller that stops reading stops the work, which must be over before the next one begins.
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            turn.Release();
        }
    }

    /// <summary>Answers a prompt in one piece; like <see cref="GenerateAsync"/>.</summary>
    public async Task<GenerationResult> AnswerAsync(Prompt prompt, GenerationOptions? options = null, IProgress<EngineProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in GenerateAsync(prompt, options, progress, cancellationToken).ConfigureAwait(false)) result = update.Result ?? result;
        return result ?? throw new InvalidOperationException("The answer has no end.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        turn.Wait();
        context.Dispose();
        language.Dispose();
        Vision?.Dispose();
        turn.Dispose();
    }

    private static MultimodalModel Load(ModelOptions options, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        ChatTemplate? template = LanguageModelFile.Check(options.ModelPath);
        VisionModel? vision = options.ProjectorPath is null ? null : VisionModel.Open(options.ProjectorPath, options.Preprocessing, options.MaxPixels);
        LanguageModel? language = null;
        try
        {
            language = LanguageModel.Load(options.ModelPath, options.GpuLayerCount, StageProgress.For(progress, EngineStage.LoadModel), cancellationToken, options.Logger);
            CheckWidths(language, vision);
            vision?.LoadWeights(options.ThreadCount, progress, cancellationToken);
            int threads = options.ThreadCount > 0 ? options.ThreadCount : Environment.ProcessorCount;
            return new MultimodalModel(language, new LanguageContext(language, ContextLengthFor(options, language), threads), vision, template);
        }
        catch
        {
            language?.Dispose();
            vision?.Dispose();
            throw;
        }
    }

    private static void CheckWidths(LanguageModel language, VisionModel? vision)
    {
        if (vision is not null && vision.EmbeddingWidth != language.EmbeddingWidth)
            throw new ModelFileException(vision.Path, $"its embeddings are {vision.EmbeddingWidth} wide, but those of {language.Path} are {language.EmbeddingWidth}: the two files do not belong together.");
    }

    private static int ContextLengthFor(ModelOptions options, LanguageModel language)
    {
        if (options.ContextLength > 0) return options.ContextLength;
        return language.TrainedContextLength > 0 ? Math.Min(language.TrainedContextLength, ModelOptions.DefaultContextLimit) : ModelOptions.DefaultContextLimit;
    }

    private void Generate(Prompt prompt, GenerationOptions options, IProgress<EngineProgress>? progress, ChannelWriter<GenerationUpdate> updates, CancellationToken cancellationToken)
    {
        try
        {
            new AnswerRun(language, context, Vision, template, prompt, options, progress).Run(updates, cancellationToken);
            updates.Complete();
        }
        catch (Exception failure)
        {
            updates.Complete(failure);
        }
    }
}
