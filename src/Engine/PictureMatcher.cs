using Tessera.Imaging;
using Tessera.Vision.Encoding;

namespace Tessera;

/// <summary>How well a text matches a picture.</summary>
/// <param name="MismatchLogit">The head's logit that it does not.</param>
/// <param name="MatchLogit">The head's logit that it does; the text was read with the picture.</param>
/// <param name="Cosine">Cosine of the vectors of the two, each made without the other.</param>
public sealed record MatchScore(float MismatchLogit, float MatchLogit, float Cosine)
{
    /// <summary>How likely it is that they match, 0 to 1, by the two logits.</summary>
    public double Probability => 1 / (1 + Math.Exp(MismatchLogit - (double)MatchLogit));
}

/// <summary>
/// Tells how well texts match pictures, with a file that has the heads for it (BLIP's image-text matching): by reading each text with each
/// picture, and by vectors of both that can be kept and compared. Thread-safe; what is computed runs one after another.
/// </summary>
public sealed class PictureMatcher
{
    private readonly Projector projector;

    /// <summary>Matches with a model whose weights are loaded; the model stays the caller's.</summary>
    /// <param name="vision">The model.</param>
    /// <exception cref="ModelFileException">It has no heads that match texts and pictures.</exception>
    public PictureMatcher(VisionModel vision)
    {
        ArgumentNullException.ThrowIfNull(vision);
        projector = vision.Projector;
        if (projector.VectorWidth == 0)
            throw new ModelFileException(vision.Path, $"it is a {vision.Family} without the heads that match texts and pictures.");
    }

    /// <summary>Length of a vector.</summary>
    public int VectorWidth => projector.VectorWidth;

    /// <summary>Scores every picture with every text.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="progress">Told the fraction of pictures done.</param>
    /// <param name="cancellationToken">Stops within one node of a graph.</param>
    /// <returns>For each picture the scores of the texts, in their order.</returns>
    /// <exception cref="ImageException">A picture is damaged, too large, or none.</exception>
    /// <exception cref="InstructionTooLongException">A text is longer than the model reads.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<IReadOnlyList<MatchScore>> Match(
        IReadOnlyList<PromptImage> images,
        IReadOnlyList<string> texts,
        IProgress<EngineProgress>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(texts);
        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        float[][] textVectors = [.. texts.Select(text => VectorOf(text, cancellationToken))];
        var scores = new List<IReadOnlyList<MatchScore>>();
        foreach (PromptImage image in images)
        {
            scores.Add(Match(image, texts, textVectors, cancellationToken));
            progress?.Report(new EngineProgress(EngineStage.Encode, (double)scores.Count / images.Count));
        }

        return scores;
    }

    /// <summary>A picture's vector, of length 1.</summary>
    /// <exception cref="ImageException">It is damaged, too large, or no picture.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[] VectorOf(PromptImage image, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        PreparedMedia prepared = Prepare(image, cancellationToken);
        return projector.Match(
            [prepared],
            (encoder, runner) =>
                encoder.PictureVector(encoder.EncodeFeatures(prepared, runner, null, cancellationToken)[0], runner, cancellationToken)
        );
    }

    /// <summary>A text's vector, of length 1.</summary>
    /// <exception cref="InstructionTooLongException">The text is longer than the model reads.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[] VectorOf(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return projector.Match([], (encoder, runner) => encoder.TextVector(text, runner, cancellationToken));
    }

    private List<MatchScore> Match(
        PromptImage image,
        IReadOnlyList<string> texts,
        float[][] textVectors,
        CancellationToken cancellationToken
    )
    {
        PreparedMedia prepared = Prepare(image, cancellationToken);
        return projector.Match(
            [prepared],
            (encoder, runner) =>
            {
                float[] features = encoder.EncodeFeatures(prepared, runner, null, cancellationToken)[0],
                    vector = encoder.PictureVector(features, runner, cancellationToken);
                var scores = new List<MatchScore>();
                for (int index = 0; index < texts.Count; index++)
                {
                    (float no, float yes) = encoder.Match(texts[index], features, runner, cancellationToken);
                    scores.Add(new MatchScore(no, yes, vector.Zip(textVectors[index], static (a, b) => a * b).Sum()));
                }

                return scores;
            }
        );
    }

    private PreparedMedia Prepare(PromptImage image, CancellationToken cancellationToken) =>
        projector.Prepare(projector.Plan(image, PlanRequest.Default), cancellationToken);
}
