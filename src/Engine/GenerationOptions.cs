namespace Tessera;

/// <summary>How an answer is generated.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens of an answer.</summary>
    public int MaxTokens { get; init; } = 512;

    /// <summary>0 always takes the most likely token; higher is more varied.</summary>
    public float Temperature { get; init; } = 0.2f;

    /// <summary>Keeps the k most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the most likely tokens up to this probability; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens with at least this share of the likeliest one's probability; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>Divides the logits of recent tokens; 1 is none.</summary>
    public float RepeatPenalty { get; init; } = 1;

    /// <summary>Subtracted from a logit for each recent use of the token; 0 is none.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Subtracted once from the logit of each recent token; 0 is none.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>How many tokens are recent for the penalties.</summary>
    public int PenaltyWindow { get; init; } = 64;

    /// <summary>Seed of the random choice; null for another one each time.</summary>
    public uint? Seed { get; init; }

    /// <summary>Texts that end the answer; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>What the answer must look like; null for free text. An answer that is cut (<see cref="FinishReason.Length"/>) is
    /// incomplete.</summary>
    public AnswerFormat? Format { get; init; }

    /// <summary>
    /// Control tokens that the answer shows by their text, such as <c>[TOOL_CALLS]</c>; others are left out of it, and texts that are
    /// no token of the model are no matter.
    /// </summary>
    public IReadOnlyList<string> ShownTokens { get; init; } = [];

    /// <summary>How many of the likeliest tokens are reported beside each chosen one, 0 to <see cref="MaxLogProbabilityCount"/>; null
    /// reports no probabilities.</summary>
    public int? LogProbabilityCount { get; init; }

    /// <summary>The most of the likeliest tokens that are reported.</summary>
    public const int MaxLogProbabilityCount = 20;

    /// <summary>Told of each token that is chosen, on the thread that chooses; null for nobody.</summary>
    internal Text.Sampling.TokenWatch? Watch { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value cannot be; the message names it.</exception>
    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxTokens);
        RequireFinite(Temperature, 0, nameof(Temperature));
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        RequireFinite(TopP, 0, nameof(TopP));
        RequireFinite(MinP, 0, nameof(MinP));
        RequireFinite(RepeatPenalty, float.Epsilon, nameof(RepeatPenalty));
        RequireFinite(FrequencyPenalty, float.MinValue, nameof(FrequencyPenalty));
        RequireFinite(PresencePenalty, float.MinValue, nameof(PresencePenalty));
        ArgumentOutOfRangeException.ThrowIfNegative(PenaltyWindow);
        if (LogProbabilityCount is < 0 or > MaxLogProbabilityCount)
            throw new ArgumentOutOfRangeException(
                nameof(LogProbabilityCount),
                LogProbabilityCount,
                $"It is 0 to {MaxLogProbabilityCount}."
            );
    }

    private static void RequireFinite(float value, float least, string name)
    {
        if (!float.IsFinite(value) || value < least)
            throw new ArgumentOutOfRangeException(name, value, "The value is out of range.");
    }
}
