namespace Tessera.Text.Scheduling;

/// <summary>How an answer is searched for in several beams.</summary>
/// <param name="Count">Beams.</param>
/// <param name="LengthPenalty">Exponent of the length that a finished beam's score is divided by; above 0 favours long answers.</param>
/// <param name="RepeatPenalty">Multiplies the log probability of tokens that the beam has; 1 is none.</param>
/// <param name="MaxTokens">The most tokens of a beam.</param>
internal sealed record BeamSettings(int Count, float LengthPenalty, float RepeatPenalty, int MaxTokens);

/// <summary>How a beam goes on.</summary>
/// <param name="Source">Which of the last step's beams it continues.</param>
/// <param name="Token">With which token.</param>
internal readonly record struct BeamStep(int Source, int Token);

/// <summary>Logits [vocabulary] behind a beam.</summary>
internal delegate ReadOnlySpan<float> BeamLogits(int beam);

/// <summary>
/// Beam search as transformers has it with early_stopping off: of all continuations the likeliest go on, those that end are kept by their
/// score over their length, and it is over when no beam can become better than the worst of as many that have ended. Source:
/// huggingface/transformers v5.12, generation/utils.py, _beam_search; penalties: generation/logits_process.py,
/// RepetitionPenaltyLogitsProcessor.
/// </summary>
/// <param name="settings">How it searches.</param>
/// <param name="before">Tokens that stand before every beam and count as repeated.</param>
/// <param name="isEnd">Whether a token ends an answer.</param>
/// <param name="endCount">How many tokens do.</param>
internal sealed class BeamSearch(BeamSettings settings, IReadOnlyList<int> before, Func<int, bool> isEnd, int endCount)
{
    private readonly PriorityQueue<Candidate, double> best = new();
    private readonly List<Beam> finished = []; // the best first
    private List<Beam> running = [new([], 0)];

    /// <summary>Whether nothing better can come.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The tokens of the best beam, with the one that ended it.</summary>
    public IReadOnlyList<int> Best => (finished.Count > 0 ? finished[0] : running[0]).Tokens;

    /// <summary>Chooses how the beams go on.</summary>
    /// <param name="logitsOf">The logits behind each running beam; before the first step there is one.</param>
    /// <returns>The beams of the next step, the likeliest first; none when it is over.</returns>
    public IReadOnlyList<BeamStep> Advance(BeamLogits logitsOf)
    {
        int length = running[0].Tokens.Count + 1;
        double divisor = Math.Pow(length, settings.LengthPenalty);
        var steps = new List<BeamStep>();
        var next = new List<Beam>();
        Candidate[] candidates = Likeliest(logitsOf);
        for (int rank = 0; rank < candidates.Length && next.Count < settings.Count; rank++)
        {
            (int source, int token, double score) = candidates[rank];
            if (length < settings.MaxTokens && !isEnd(token))
            {
                next.Add(new Beam([.. running[source].Tokens, token], score));
                steps.Add(new BeamStep(source, token));
            }
            else if (rank < settings.Count)
                Finish(new Beam([.. running[source].Tokens, token], score / divisor));
        }

        IsOver = next.Count == 0 || (finished.Count == settings.Count && next[0].Score / divisor <= finished[^1].Score);
        if (IsOver)
            return [];
        running = next;
        return steps;
    }

    private void Finish(Beam beam)
    {
        int place = finished.FindIndex(other => other.Score < beam.Score);
        finished.Insert(place < 0 ? finished.Count : place, beam);
        if (finished.Count > settings.Count)
            finished.RemoveAt(settings.Count);
    }

    // So many that enough are left to go on, should each beam end with every token that ends.
    private Candidate[] Likeliest(BeamLogits logitsOf)
    {
        int most = settings.Count * Math.Max(2, 1 + endCount);
        best.Clear();
        for (int beam = 0; beam < running.Count; beam++)
            AddContinuations(beam, logitsOf(beam), most);
        var candidates = new Candidate[best.Count];
        for (int rank = candidates.Length - 1; rank >= 0; rank--)
            candidates[rank] = best.Dequeue();
        return candidates;
    }

    private void AddContinuations(int beam, ReadOnlySpan<float> logits, int most)
    {
        double normalizer = LogSum(logits),
            score = running[beam].Score;
        HashSet<int> repeated = settings.RepeatPenalty == 1 ? [] : [.. before, .. running[beam].Tokens];
        for (int token = 0; token < logits.Length; token++)
        {
            double likelihood = logits[token] - normalizer,
                total = score + (repeated.Contains(token) ? likelihood * settings.RepeatPenalty : likelihood);
            if (best.Count < most)
                best.Enqueue(new Candidate(beam, token, total), total);
            else if (total > best.Peek().Score)
                best.EnqueueDequeue(new Candidate(beam, token, total), total);
        }
    }

    private static double LogSum(ReadOnlySpan<float> logits)
    {
        float largest = float.NegativeInfinity;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        return largest + Math.Log(sum);
    }

    private sealed record Beam(IReadOnlyList<int> Tokens, double Score);

    private readonly record struct Candidate(int Source, int Token, double Score);
}
