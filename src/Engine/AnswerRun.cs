using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Tessera.Models;
using Tessera.Prompting;
using Tessera.Templates;
using Tessera.Text;

namespace Tessera;

/// <summary>One answer from prompt to end: encode the pictures, prefill, then token after token.</summary>
internal sealed class AnswerRun(
    LanguageModel language, LanguageContext context, VisionModel? vision, ChatTemplate? template, Prompt prompt, GenerationOptions options, IProgress<EngineProgress>? progress)
{
    private readonly long started = Stopwatch.GetTimestamp();
    private readonly List<int> tokens = [];
    private readonly StringBuilder text = new();
    private readonly AnswerText answer = new([.. options.StopStrings.Where(static stop => stop.Length > 0)]);
    private double firstTokenMs;

    public void Run(ChannelWriter<GenerationUpdate> updates, CancellationToken cancellationToken)
    {
        string promptText = FullText();
        PromptLayout layout = PromptTokenizer.Tokenize(PromptText.Expand(promptText, PlanImages(promptText)), language.Vocabulary);
        CheckLength(layout);
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

    private string FullText()
    {
        if (prompt.IsRaw) return prompt.Text;
        return new ChatTurn(template, vision?.Wording ?? FamilyPrompt.Vicuna, language.Vocabulary).Write(prompt.System, prompt.Text, prompt.Images.Count);
    }

    // From the pictures' headers, so that a prompt that is too long is refused before anything is encoded.
    private List<IReadOnlyList<PromptPiece>> PlanImages(string fullText)
    {
        if (prompt.Images.Count > 0 && vision is null)
            throw new TesseraException($"{language.Path} was loaded without a vision projector, so it sees no pictures: give one with --mmproj.");
        int places = PromptText.CountPlaces(fullText);
        if (places != prompt.Images.Count)
            throw new TesseraException($"The prompt has {places} places for pictures ({PromptText.ImageMarker}), but {prompt.Images.Count} pictures were given.");
        return [.. prompt.Images.Select((image, index) => PromptPieces(vision!.Plan(vision.ReadSize(image), Request(index))))];
    }

    internal static IReadOnlyList<PromptPiece> PromptPieces(SlicePlan plan) => [.. plan.Layout.Select(static span => new PromptPiece(span.Text, Count: span.RowCount))];

    private PlanRequest Request(int imageIndex) => prompt.Limits with { ImageCount = prompt.Images.Count, ImageIndex = imageIndex };

    private void CheckLength(PromptLayout layout)
    {
        if (layout.Length >= context.Length) throw new PromptTooLongException(layout.Length, context.Length);
        if (layout.Length == 0) throw new TesseraException("The prompt is empty.");
    }

    private List<ImageEncoding> Encode(CancellationToken cancellationToken)
    {
        var images = new List<ImageEncoding>();
        for (int index = 0; index < prompt.Images.Count; index++) images.Add(vision!.Encode(prompt.Images[index], Request(index), progress, cancellationToken));
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
                case PromptSpan.Embeddings rows:
                    int width = language.EmbeddingWidth;
                    context.DecodeEmbeddings(images[rows.ImageIndex].Embeddings.Span.Slice(rows.Start * width, rows.Count * width), cancellationToken);
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
        // Templates end where the answer's first word begins, so models open with a space; a raw prompt gets exactly what was generated.
        if (text.Length == 0 && !prompt.IsRaw) piece = piece.TrimStart();
        if (piece.Length == 0) return;
        text.Append(piece);
        updates.TryWrite(new GenerationUpdate(piece));
    }

    private SamplerSettings SamplerSettings() => new(options.Temperature, options.TopK, options.TopP, options.MinP,
        options.RepeatPenalty, options.FrequencyPenalty, options.PresencePenalty, options.PenaltyWindow, options.Seed ?? (uint)Random.Shared.NextInt64(1, uint.MaxValue));
}
