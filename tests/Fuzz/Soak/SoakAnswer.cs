namespace Tessera.Fuzz.Soak;

/// <summary>An answer with what it was chosen from.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Tokens">Its tokens, with the one that ended it.</param>
/// <param name="Logits">Of each token, the logits [vocabulary] that it was chosen from.</param>
internal sealed record SoakAnswer(string Text, IReadOnlyList<int> Tokens, IReadOnlyList<float[]> Logits);

/// <summary>Compares an answer with the lone one while it is given: all logits, as long as both have said the same.</summary>
internal sealed class AnswerComparison(SoakAnswer alone)
{
    /// <summary>Tokens that were compared.</summary>
    public int Count { get; private set; }

    /// <summary>The largest difference of two logits, in standard deviations of the lone answer's.</summary>
    public double LargestDifference { get; private set; }

    /// <summary>Where the answers part: the lead of the lone answer's token over the other one, there and here; null if they do
    /// not.</summary>
    public (double Alone, double Here)? Leads { get; private set; }

    /// <summary>To be told of each token (<see cref="GenerationOptions.Watch"/>).</summary>
    public void Watch(ReadOnlySpan<float> logits, int token)
    {
        if (Leads is not null || Count >= alone.Tokens.Count)
            return;
        float[] expected = alone.Logits[Count];
        double deviation = DeviationOf(expected);
        LargestDifference = Math.Max(LargestDifference, DifferenceOf(expected, logits) / deviation);
        int other = alone.Tokens[Count++];
        if (token != other)
            Leads = ((expected[other] - expected[token]) / deviation, (logits[token] - logits[other]) / deviation);
    }

    /// <summary>The largest difference of two numbers at the same place.</summary>
    public static double DifferenceOf(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        double largest = 0;
        for (int index = 0; index < left.Length; index++)
            largest = Math.Max(largest, Math.Abs((double)left[index] - right[index]));
        return largest;
    }

    /// <summary>The standard deviation of numbers.</summary>
    public static double DeviationOf(ReadOnlySpan<float> values)
    {
        double sum = 0,
            squares = 0;
        foreach (float value in values)
            (sum, squares) = (sum + value, squares + ((double)value * value));
        double mean = sum / values.Length;
        return Math.Sqrt(Math.Max(0, (squares / values.Length) - (mean * mean)));
    }
}
