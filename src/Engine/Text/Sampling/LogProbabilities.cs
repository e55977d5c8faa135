using System.Text;

namespace Tessera.Text.Sampling;

/// <summary>Watches an answer's tokens and keeps how likely each was.</summary>
/// <param name="vocabulary">The tokens.</param>
/// <param name="likeliestCount">How many of the likeliest are kept beside each.</param>
internal sealed class LogProbabilities(Vocabulary vocabulary, int likeliestCount)
{
    private readonly List<TokenLogProbability> tokens = [];
    private readonly Lock gate = new();

    /// <summary>Those of the tokens so far, from an index; asked from any thread.</summary>
    public IReadOnlyList<TokenLogProbability> From(int index)
    {
        lock (gate)
            return tokens[index..];
    }

    /// <summary>Takes a token with the logits [vocabulary] that it was chosen from.</summary>
    public void Watch(ReadOnlySpan<float> logits, int token)
    {
        double normalizer = LogSumExp(logits);
        TokenLogProbability watched = Of(token, logits[token] - normalizer) with { Likeliest = Likeliest(logits, normalizer) };
        lock (gate)
            tokens.Add(watched);
    }

    private TokenLogProbability Of(int token, double logProbability)
    {
        byte[] bytes = vocabulary.Piece(token).ToArray();
        return new TokenLogProbability(token, Encoding.UTF8.GetString(bytes), logProbability) { Bytes = bytes };
    }

    private TokenLogProbability[] Likeliest(ReadOnlySpan<float> logits, double normalizer)
    {
        if (likeliestCount == 0)
            return [];
        var best = new PriorityQueue<int, float>();
        for (int token = 0; token < logits.Length; token++)
        {
            if (best.Count < likeliestCount)
                best.Enqueue(token, logits[token]);
            else if (best.TryPeek(out _, out float least) && logits[token] > least)
                best.EnqueueDequeue(token, logits[token]);
        }

        var likeliest = new TokenLogProbability[best.Count];
        while (best.TryDequeue(out int token, out float logit))
            likeliest[best.Count] = Of(token, logit - normalizer);
        return likeliest;
    }

    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        double largest = double.NegativeInfinity,
            sum = 0;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        return largest + Math.Log(sum);
    }
}
