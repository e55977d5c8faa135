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

    /// <summary>Beams in which the answer is searched for: above 1 it is the likeliest that so many find, whatever
    /// <see cref="Temperature"/> and its kin say, comes at once, and is generated while no other answer is.</summary>
    public int BeamCount { get; init; } = 1;

    /// <summary>Exponent of the length that a beam's score is divided by: above 0 favours long answers.</summary>
    public float LengthPenalty { get; init; } = 1;

    /// <summary>The most beams.</summary>
    public const int MaxBeamCount = 64;

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
        Require(MaxTokens >= 1, nameof(MaxTokens), MaxTokens, "at least 1");
        Require(float.IsFinite(Temperature) && Temperature >= 0, nameof(Temperature), Temperature, "a number of at least 0");
        Require(TopK >= 0, nameof(TopK), TopK, "at least 0");
        Require(TopP is >= 0 and <= 1, nameof(TopP), TopP, "between 0 and 1");
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP, "between 0 and 1");
        Require(float.IsFinite(RepeatPenalty) && RepeatPenalty > 0, nameof(RepeatPenalty), RepeatPenalty, "a number above 0");
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), FrequencyPenalty, "a number");
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), PresencePenalty, "a number");
        Require(PenaltyWindow >= 0, nameof(PenaltyWindow), PenaltyWindow, "at least 0");
        Require(BeamCount is >= 1 and <= MaxBeamCount, nameof(BeamCount), BeamCount, $"between 1 and {MaxBeamCount}");
        Require(
            BeamCount == 1 || (Format is null && LogProbabilityCount is null),
            nameof(BeamCount),
            BeamCount,
            "1 where an answer has a format or its tokens' probabilities are reported"
        );
        Require(float.IsFinite(LengthPenalty), nameof(LengthPenalty), LengthPenalty, "a number");
        Require(
            LogProbabilityCount is null or (>= 0 and <= MaxLogProbabilityCount),
            nameof(LogProbabilityCount),
            LogProbabilityCount,
            $"between 0 and {MaxLogProbabilityCount}"
        );
    }

    private static void Require<T>(bool holds, string name, T value, string range)
    {
        if (!holds)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
    }
}
