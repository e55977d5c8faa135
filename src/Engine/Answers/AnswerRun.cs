using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Sampling;
using Tessera.Text.Scheduling;
using Tessera.Vision.Encoding;

namespace Tessera.Answers;

/// <summary>One answer from a laid-out prompt to its end: encode the pictures, hand the rows to the scheduler, pass on what it
/// says.</summary>
/// <param name="composer">Joins the prompt with its embeddings.</param>
/// <param name="encoder">Makes the embeddings; null for a model that sees no pictures.</param>
/// <param name="scheduler">Generates.</param>
/// <param name="requireUnchanged">Fails when weights that lie in the mapped file are no longer those that were loaded.</param>
/// <param name="lifetime">Cancelled when the model is disposed.</param>
internal sealed class AnswerRun(
    PromptComposer composer,
    MediaEncoder? encoder,
    AnswerScheduler scheduler,
    Action requireUnchanged,
    CancellationToken lifetime
)
{
    /// <summary>Streams an answer.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="trimsStart">Whether the answer's first space is dropped: templates end where the first word begins, so models open with
    /// one.</param>
    /// <param name="owner">Whose conversation it is.</param>
    /// <param name="progress">Told how far encoding and prefill are.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <param name="origin">Whose embeddings and positions may be used beside those that were computed here.</param>
    public async IAsyncEnumerable<GenerationUpdate> StreamAsync(
        ComposedPrompt prompt,
        GenerationOptions options,
        bool trimsStart,
        object owner,
        IProgress<EngineProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellationToken,
        KeyOrigin origin = default
    )
    {
        long started = Stopwatch.GetTimestamp();
        requireUnchanged();
        if (prompt.Length >= scheduler.ContextLength)
            throw new PromptTooLongException(prompt.Length, scheduler.ContextLength);
        IReadOnlyList<MediaEmbeddings> images = await EncodeAsync(prompt.Media, progress, cancellationToken, origin).ConfigureAwait(false);
        PromptRows rows = composer.Join(prompt, images, origin);

        // A caller that stops reading stops the work.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        LogProbabilities? probabilities = options.LogProbabilityCount is int count ? composer.WatchProbabilities(count) : null;
        SamplerSettings sampling = SettingsOf(options) with
        {
            ShownTokens = composer.ControlTokens(options.ShownTokens),
            Watch = probabilities is null ? options.Watch : options.Watch + probabilities.Watch,
        };
        var request = new AnswerRequest(
            rows,
            sampling,
            [.. options.StopStrings.Concat(prompt.StopStrings).Where(static text => text.Length > 0)],
            options.MaxTokens,
            owner
        );
        if (options.BeamCount > 1)
        {
            (string whole, AnswerEnd found) = await scheduler.SearchAsync(request, BeamsOf(options), stop.Token).ConfigureAwait(false);
            whole = trimsStart ? whole.TrimStart() : whole;
            if (whole.Length > 0)
                yield return new GenerationUpdate(whole) { TokenCount = found.TokenIds.Count };
            requireUnchanged();
            yield return new GenerationUpdate(
                "",
                Result(whole, found, rows, images, started) with
                {
                    Regions = composer.RegionsOf(found.TokenIds, prompt.Media),
                }
            );
            yield break;
        }

        ChannelReader<AnswerPiece> pieces = scheduler.Start(request, stop.Token);
        var text = new StringBuilder();
        int told = 0,
            toldTokens = 0;
        try
        {
            await foreach (AnswerPiece piece in pieces.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                // What was ready before is not wanted any more.
                cancellationToken.ThrowIfCancellationRequested();
                if (piece is { Text.Length: 0, End: null })
                    progress?.Report(new EngineProgress(EngineStage.Prefill, piece.Prefilled));
                string shown = trimsStart && text.Length == 0 ? piece.Text.TrimStart() : piece.Text;
                if (shown.Length > 0)
                {
                    text.Append(shown);
                    IReadOnlyList<TokenLogProbability> chosen = probabilities?.From(told) ?? [];
                    told += chosen.Count;
                    yield return new GenerationUpdate(shown) { LogProbabilities = chosen, TokenCount = piece.TokenCount - toldTokens };
                    toldTokens = piece.TokenCount;
                }

                if (piece.End is not null)
                    requireUnchanged();
                if (piece.End is { } end)
                    yield return new GenerationUpdate(
                        "",
                        Result(text.ToString(), end, rows, images, started) with
                        {
                            LogProbabilities = probabilities?.From(0) ?? [],
                            Regions = composer.RegionsOf(end.TokenIds, prompt.Media),
                        }
                    )
                    {
                        TokenCount = piece.TokenCount - toldTokens,
                    };
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await EndAsync(pieces).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until an answer's pieces are over, however they end: the scheduler is done with it then.</summary>
    /// <remarks>The reader's <c>Completion</c> is no sign of that: in .NET 10 it never completes where the last piece is read while the
    /// writer completes.</remarks>
    internal static async Task EndAsync(ChannelReader<AnswerPiece> pieces)
    {
        Task<bool> more;
        do
        {
            while (pieces.TryRead(out _)) { }
            more = pieces.WaitToReadAsync(CancellationToken.None).AsTask();
            await ((Task)more).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        } while (more is { IsCompletedSuccessfully: true, Result: true });
    }

    /// <summary>The embeddings of pictures, from the cache where it has them.</summary>
    public async Task<IReadOnlyList<MediaEmbeddings>> EncodeAsync(
        IReadOnlyList<PlannedMedia> pictures,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken,
        KeyOrigin origin = default
    )
    {
        if (encoder is null)
            return [];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime);
        try
        {
            return await encoder.EncodeAsync(pictures, progress, stop.Token, origin).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(MultimodalModel));
        }
    }

    private static GenerationResult Result(string text, AnswerEnd end, PromptRows rows, IReadOnlyList<MediaEmbeddings> images, long started)
    {
        double prefillMs = Stopwatch.GetElapsedTime(end.AdmittedAt, end.FirstTokenAt).TotalMilliseconds;
        var timings = new GenerationTimings(
            images.Sum(static image => image.PreprocessMs),
            images.Sum(static image => image.EncodeMs),
            prefillMs,
            Stopwatch.GetElapsedTime(started, end.FirstTokenAt).TotalMilliseconds,
            Stopwatch.GetElapsedTime(end.FirstTokenAt, end.EndedAt).TotalMilliseconds
        );
        return new GenerationResult(
            text,
            end.IsCut ? FinishReason.Length : FinishReason.Stop,
            rows.Count,
            rows.EmbeddingCount + rows.MemoryTokenCount,
            end.TokenIds,
            timings
        )
        {
            ReusedTokenCount = end.ReusedCount,
            CachedImageCount = images.Count(static image => image.IsCached),
        };
    }

    private static BeamSettings BeamsOf(GenerationOptions options) =>
        new(options.BeamCount, options.LengthPenalty, options.RepeatPenalty, options.MaxTokens);

    private static SamplerSettings SettingsOf(GenerationOptions options) =>
        new(
            options.Temperature,
            options.TopK,
            options.TopP,
            options.MinP,
            options.RepeatPenalty,
            options.FrequencyPenalty,
            options.PresencePenalty,
            options.PenaltyWindow,
            options.Seed ?? (uint)Random.Shared.NextInt64(1, uint.MaxValue),
            options.Format?.Grammar
        );
}
