namespace Tessera.Cli.Chat.Editing;

/// <summary>What a text could go on as.</summary>
/// <param name="Start">Where what is completed starts.</param>
/// <param name="Candidates">What could stand from there on.</param>
internal sealed record Completion(int Start, IReadOnlyList<string> Candidates)
{
    private const int MaxListed = 60;

    public static Completion None { get; } = new(0, []);

    /// <summary>What all candidates begin with.</summary>
    public string CommonStart()
    {
        string common = Candidates[0];
        foreach (string candidate in Candidates)
        {
            int length = 0;
            while (length < Math.Min(common.Length, candidate.Length) && common[length] == candidate[length])
                length++;
            common = common[..length];
        }

        return common.Length > 0 && char.IsHighSurrogate(common[^1]) ? common[..^1] : common;
    }

    /// <summary>The candidates in one line.</summary>
    public string Describe() =>
        string.Join("  ", Candidates.Take(MaxListed).Select(static candidate => candidate.TrimEnd(' ')))
        + (Candidates.Count > MaxListed ? "  …" : "");
}
