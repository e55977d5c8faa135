using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Tessera.Models;
using Tessera.Prompting;
using Tessera.Text;

namespace Tessera;

/// <summary>One answer from prompt to end: encode the pictures, prefill, then token after token.</summary>
internal sealed class AnswerRun(LanguageModel language, LanguageContext context, VisionModel? vision, Prompt prompt, GenerationOptions options, IProgress<EngineProgress>? progress)
{
    private readonly long started = Stopwatch.GetTimestamp();
    private readonly List<int> tokens = [];
    private readonly StringBuilder text = new();
    private readonly AnswerText answer = new([.. options.StopStrings.Where(static stop => stop.Length > 0)]);
    private double firstTokenMs;

    public void Run(ChannelWriter<GenerationUpdate> updates, CancellationToken cancellationToken)
    {
        PromptLayout layout = LayOut();
        CheckLength(layout, PlannedImageTokens(cancellationToken));
        List<ImageEncoding> images = Encode(cancellationToken);
        int imageTokenCount = images.Sum(static image => image.TokenCount);

        long prefillStarted = Stopwatch.GetTimestamp();
        context.Clear();
        using var sampler = new Sampler(SamplerSettings(), language.Vocabulary);
        Prefill(layout, images, sampler, cancellationToken);
        double prefillMs = Stopwatch.GetElapsedTime(prefillStarted).TotalMilliseconds;
        int promptTokenCount = context.Position;

        FinishReason reason = Decode(sampler, updates, cancellationToken);
        Emit(answer.Finish(), updates);
        double decodeMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds - firstTokenMs;
        var timings = new GenerationTimings(images.Sum(static image => image.PreprocessMs), images.Sum(static image => image.EncodeMs), prefillMs, firstTokenMs, decodeMs);
        updates.TryWrite(new GenerationUpdate("", new GenerationResult(text.ToString(), reason, promptTokenCount, imageTokenCount, tokens, timings)));
    }

    private PromptLayout LayOut()
    {
        FamilyPrompt family = vision?.Wording ?? FamilyPrompt.Vicuna;
        if (prompt.Images.Count > 0 && vision is null)
            throw new TesseraException($"{language.Path} was loaded without a vision projector, so it sees no pictures: give one with --mmproj.");
        IReadOnlyList<PromptPiece> pieces = PromptText.Split(FullText(family));
        int places = pieces.Count(static piece => piece.IsImage);
        if (places != prompt.Images.Count)
            throw new TesseraException($"The prompt has {places} places for pictures ({PromptText.ImageMarker}), but {prompt.Images.Count} pictures were given.");
        return PromptTokenizer.Tokenize(pieces, family, language.Vocabulary);
    }

    private string FullText(FamilyPrompt family)
    {
        if (prompt.IsRaw) return prompt.Text;
        bool placed = prompt.Text.Contains(PromptText.ImageMarker, StringComparison.Ordinal);
        return PromptText.FamilyTurn(family, prompt.System, placed ? prompt.Text : PromptText.WithImagesFirst(family, prompt.Images.Count, prompt.Text));
    }

    private int PlannedImageTokens(CancellationToken cancellationToken)
    {
        int count = 0;
        foreach (PromptImage image in prompt.Images)
        {
            cancellationToken.ThrowIfCancellationRequested();
            count += vision!.Plan(vision.ReadSize(image)).ImageTokenCount;
        }

        return count;
    }

    // Known before anything is encoded, so that nobody waits for a refusal.
    private void CheckLength(PromptLayout layout, int imageTokenCount)
    {
        int needed = layout.TextTokenCount + imageTokenCount;
        if (needed >= context.Length) throw new PromptTooLongException(needed, context.Length);
        if (needed == 0) throw new TesseraException("The prompt is empty.");
    }

    private List<ImageEncoding> Encode(CancellationToken cancellationToken)
    {
        var images = new List<ImageEncoding>();
        foreach (PromptImage image in prompt.Images) images.Add(vision!.Encode(image, progress, cancellationToken));
        return images;
    }

    private void Prefill(PromptLayout layout, List<ImageEncoding> images, Sampler sampler, CancellationToken cancellationToken)
    {
        for (int index = 0; index < layout.Spans.Count; index++)
        {
            progress?.Report(new EngineProgress(EngineStage.Prefill, (double)index / layout.Spans.Count));
            switch (layout.Spans[index])
            {
                case PromptSpan.Tokens run:
                    context.DecodeTokens(run.Ids, cancellationToken);
                    foreach (int token in run.Ids) sampler.Accept(token);
                    break;
                case PromptSpan.Image place:
                    context.DecodeEmbeddings(images[place.Index].Embeddings.Span, cancellationToken);
                    break;
            }
        }

        progress?.Report(new EngineProgress(EngineStage.Prefill, 1));
    }

    private FinishReason Decode(Sampler sampler, ChannelWriter<GenerationUpdate> updates, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int token = sampler.Sample(context);
            tokens.Add(token);
            if (tokens.Count == 1) firstTokenMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (language.Vocabulary.IsEnd(token)) return FinishReason.Stop;
            Emit(answer.Append(language.Vocabulary.Piece(token)), updates);
            if (answer.IsStopped) return FinishReason.Stop;
            if (tokens.Count == options.MaxTokens || context.Position == context.Length) return FinishReason.Length;
            context.DecodeTokens([token], cancellationToken);
        }
    }

    private void Emit(string piece, ChannelWriter<GenerationUpdate> updates)
    {
        if (piece.Length == 0) return;
        text.Append(piece);
        updates.TryWrite(new GenerationUpdate(piece));
    }

    private SamplerSettings SamplerSettings() => new(options.Temperature, options.TopK, options.TopP, options.MinP,
        options.RepeatPenalty, options.FrequencyPenalty, options.PresencePenalty, options.PenaltyWindow, options.Seed ?? (uint)Random.Shared.NextInt64(1, uint.MaxValue));
}
