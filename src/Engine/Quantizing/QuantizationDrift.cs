namespace Tessera;

/// <summary>How far a quantized model is from its original on one picture, or on text alone.</summary>
/// <param name="Name">The picture's name; null for text alone.</param>
/// <param name="TokenCount">Embeddings that the picture became, or rows of the memory that the language model's layers look at.</param>
/// <param name="MeanCosine">Mean over the embeddings of each one's cosine to the original's; null where no projector was compared.</param>
/// <param name="WorstCosine">The worst embedding's.</param>
/// <param name="LogitCosine">Cosine of the logits that the first answer token is chosen from; null where none was compared.</param>
/// <param name="FirstTokenIsSame">Whether the likeliest first token is the original's.</param>
public sealed record QuantizationDrift(
    string? Name,
    int TokenCount,
    double? MeanCosine,
    double? WorstCosine,
    double? LogitCosine,
    bool? FirstTokenIsSame
)
{
    private const string Question = "Describe what you see, in detail.";

    /// <summary>Each embedding's cosine to the original's, in their order.</summary>
    public IReadOnlyList<double> TokenCosines { get; init; } = [];

    /// <summary>Compares two models, one after the other, so that only one is in memory.</summary>
    /// <param name="original">The files before.</param>
    /// <param name="quantized">The files after.</param>
    /// <param name="pictures">What to compare on; none for text alone, which a projector has nothing to say to.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelFileException">A file cannot be used.</exception>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    public static async Task<IReadOnlyList<QuantizationDrift>> MeasureAsync(
        ModelOptions original,
        ModelOptions quantized,
        IReadOnlyList<PromptImage> pictures,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(quantized);
        ArgumentNullException.ThrowIfNull(pictures);
        IReadOnlyList<Reading> before = await ReadAsync(original, pictures, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<Reading> after = await ReadAsync(quantized, pictures, cancellationToken).ConfigureAwait(false);
        return [.. before.Zip(after, Compare)];
    }

    /// <summary>Compares two projectors, without a language model.</summary>
    /// <param name="original">The file before.</param>
    /// <param name="quantized">The file after.</param>
    /// <param name="pictures">What to compare on.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelFileException">A file cannot be used.</exception>
    /// <exception cref="ImageException">A picture cannot be used.</exception>
    public static Task<IReadOnlyList<QuantizationDrift>> MeasureAsync(
        string original,
        string quantized,
        IReadOnlyList<PromptImage> pictures,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(quantized);
        ArgumentNullException.ThrowIfNull(pictures);
        return Task.Run<IReadOnlyList<QuantizationDrift>>(
            () =>
            {
                List<Reading> before = Encode(original, pictures, cancellationToken),
                    after = Encode(quantized, pictures, cancellationToken);
                return [.. before.Zip(after, Compare)];
            },
            cancellationToken
        );
    }

    private static async Task<IReadOnlyList<Reading>> ReadAsync(
        ModelOptions options,
        IReadOnlyList<PromptImage> pictures,
        CancellationToken cancellationToken
    )
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(options, null, cancellationToken).ConfigureAwait(false);
        var readings = new List<Reading>();
        foreach (PromptImage? picture in pictures.Count == 0 ? (IReadOnlyList<PromptImage?>)[null] : pictures)
        {
            PromptImage[] images = picture is null ? [] : [picture];
            ReadOnlyMemory<float> logits = default;
            var generation = new GenerationOptions
            {
                Temperature = 0,
                MaxTokens = 1,
                Watch = (values, _) => logits = values.ToArray(),
            };
            await model.AnswerAsync(new Prompt(Question) { Images = images }, generation, null, cancellationToken).ConfigureAwait(false);
            ReadOnlyMemory<float> rows = default;
            if (picture is not null)
                rows = (await model.EncodeAsync(images, null, cancellationToken).ConfigureAwait(false))[0];
            int width =
                model.Vision is not { } vision ? 1
                : vision.Projector.MemoryWidth > 0 ? vision.Projector.MemoryWidth
                : vision.Projector.RowWidth;
            readings.Add(new Reading(picture?.Name, rows, width, logits));
        }

        return readings;
    }

    private static List<Reading> Encode(string path, IReadOnlyList<PromptImage> pictures, CancellationToken cancellationToken)
    {
        using var vision = VisionModel.Open(path);
        vision.LoadWeights(cancellationToken: cancellationToken);
        return
        [
            .. pictures.Select(picture =>
            {
                ImageEncoding encoding = vision.Encode(picture, cancellationToken: cancellationToken);
                return encoding.Embeddings.Length > 0
                    ? new Reading(picture.Name, encoding.Embeddings, encoding.Width, default)
                    : new Reading(picture.Name, encoding.Memory, Math.Max(1, encoding.MemoryWidth), default);
            }),
        ];
    }

    private static QuantizationDrift Compare(Reading before, Reading after)
    {
        int tokens = before.Rows.Length / before.Width;
        double[] cosines = [.. Enumerable.Range(0, tokens).Select(token => Cosine(before.Row(token), after.Row(token)))];
        bool hasLogits = before.Logits.Length > 0;
        return new QuantizationDrift(
            before.Name,
            tokens,
            tokens > 0 ? cosines.Average() : null,
            tokens > 0 ? cosines.Min() : null,
            hasLogits ? Cosine(before.Logits.Span, after.Logits.Span) : null,
            hasLogits ? Likeliest(before.Logits.Span) == Likeliest(after.Logits.Span) : null
        )
        {
            TokenCosines = cosines,
        };
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int index = 1; index < logits.Length; index++)
            if (logits[index] > logits[best])
                best = index;
        return best;
    }

    private static double Cosine(ReadOnlySpan<float> one, ReadOnlySpan<float> other)
    {
        double product = 0,
            ofOne = 0,
            ofOther = 0;
        for (int index = 0; index < one.Length; index++)
        {
            // A token that the model never says has no logit in either.
            if (float.IsNegativeInfinity(one[index]) && float.IsNegativeInfinity(other[index]))
                continue;
            product += (double)one[index] * other[index];
            ofOne += (double)one[index] * one[index];
            ofOther += (double)other[index] * other[index];
        }

        return ofOne == 0 || ofOther == 0 ? (ofOne == ofOther ? 1 : 0) : product / Math.Sqrt(ofOne * ofOther);
    }

    /// <summary>What a model makes of a picture.</summary>
    private sealed record Reading(string? Name, ReadOnlyMemory<float> Rows, int Width, ReadOnlyMemory<float> Logits)
    {
        public ReadOnlySpan<float> Row(int token) => Rows.Span.Slice(token * Width, Width);
    }
}
