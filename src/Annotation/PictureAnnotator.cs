using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;

namespace Tessera.Annotation;

/// <summary>
/// Asks the same about many pictures. While some answers are decoded together, the next pictures are read, prepared and encoded; the same
/// picture is encoded once, and the prompt's beginning stays in the KV cache.
/// </summary>
/// <param name="model">The model; it may answer others meanwhile.</param>
/// <param name="request">What is asked.</param>
public sealed class PictureAnnotator(MultimodalModel model, AnnotationRequest request)
{
    /// <summary>Answers that are decoded together unless the caller says otherwise.</summary>
    public const int UsualAnswerCount = 8;

    // Pictures that are encoded before there is room for their answers: their embeddings are a few megabytes each.
    private const int Ahead = 4;

    /// <summary>Asks about pictures; each one's line comes when it is done, in no order.</summary>
    /// <param name="items">The pictures; the next one is taken when there is room for it.</param>
    /// <param name="answerCount">Answers that are decoded together; at most the model's
    /// <see cref="ModelOptions.ParallelAnswerCount"/> are.</param>
    /// <param name="cancellationToken">Stops within one step; lines that were not returned are lost.</param>
    /// <exception cref="ModelFileException">The weights changed on the disk.</exception>
    public async IAsyncEnumerable<AnnotationLine> RunAsync(
        IAsyncEnumerable<AnnotationItem> items,
        int answerCount = UsualAnswerCount,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfLessThan(answerCount, 1);
        Channel<AnnotationLine> lines = Channel.CreateBounded<AnnotationLine>(answerCount);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task work = FillAsync(items, answerCount + Ahead, lines.Writer, stop.Token);
        try
        {
            await foreach (AnnotationLine line in lines.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return line;
        }
        finally
        {
            // Whoever stops reading stops the work.
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Like <see cref="RunAsync(IAsyncEnumerable{AnnotationItem}, int, CancellationToken)"/>.</summary>
    public IAsyncEnumerable<AnnotationLine> RunAsync(
        IEnumerable<AnnotationItem> items,
        int answerCount = UsualAnswerCount,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(items);
        return RunAsync(AsyncEnumerable.ToAsyncEnumerable(items), answerCount, cancellationToken);
    }

    /// <summary>Asks about one picture. What is wrong with it alone becomes the line's error.</summary>
    /// <exception cref="ModelFileException">The weights changed on the disk.</exception>
    public async Task<AnnotationLine> AnnotateAsync(AnnotationItem item, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        try
        {
            PromptImage picture = await item.OpenAsync(cancellationToken).ConfigureAwait(false);
            GenerationResult result = await model
                .AnswerAsync(request.For(item.Path, picture), request.Options, progress: null, cancellationToken)
                .ConfigureAwait(false);
            bool isObject = request.Options.Format?.Schema is not null;
            return isObject && result.FinishReason == FinishReason.Length
                ? AnnotationLine.Failed(
                    item.Path,
                    $"The answer was cut after {result.TokenIds.Count} tokens, before its JSON was complete."
                )
                : AnnotationLine.Of(item.Path, result, isObject);
        }
        catch (JsonException failure)
        {
            return AnnotationLine.Failed(item.Path, $"The answer is no JSON ({failure.Message.TrimEnd('.')}).");
        }
        catch (TesseraException failure) when (failure is not (ModelFileException or EngineBusyException))
        {
            return AnnotationLine.Failed(item.Path, failure.Message);
        }
    }

    private async Task FillAsync(
        IAsyncEnumerable<AnnotationItem> items,
        int atOnce,
        ChannelWriter<AnnotationLine> lines,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await Parallel
                .ForEachAsync(
                    items,
                    new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken },
                    async (item, stop) =>
                        await lines.WriteAsync(await AnnotateAsync(item, stop).ConfigureAwait(false), stop).ConfigureAwait(false)
                )
                .ConfigureAwait(false);
            lines.Complete();
        }
        catch (Exception failure)
        {
            lines.Complete(failure);
        }
    }
}
