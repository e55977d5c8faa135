using System.Globalization;

namespace Tessera.Fuzz.Soak;

/// <summary>What a soak has seen of a model. Thread-safe.</summary>
/// <param name="rounding">How much libllama alone changes a logit, in standard deviations (<see cref="Rounding"/>).</param>
/// <param name="bound">The most that a logit may differ from the lone answer's.</param>
internal sealed class SoakCounts(double rounding, double bound)
{
    private const int MostShown = 20;
    private readonly Lock gate = new();
    private readonly List<double> differences = [];
    private int tokens,
        parted,
        cancellations,
        failures;
    private double largestLead;

    public int Comparisons
    {
        get
        {
            lock (gate)
                return differences.Count;
        }
    }

    public int Failures => failures;

    /// <summary>Counts an answer, and reports it where it differs by more than rounding.</summary>
    public void Add(AnswerComparison comparison, bool isSame, string what)
    {
        lock (gate)
        {
            differences.Add(comparison.LargestDifference);
            tokens += comparison.Count;
            if (comparison.Leads is { } leads)
            {
                parted++;
                largestLead = Math.Max(largestLead, leads.Alone);
            }

            // The greedy choice turns only where its lead was below twice the difference, so all that turns is judged with it.
            if (comparison.LargestDifference > bound)
                Fail(Text($"{what}: a logit is {comparison.LargestDifference:g3} standard deviations away, more than {bound:g3}"));
            else if (!isSame && comparison.Leads is null)
                Fail($"{what}: another text from the same tokens");
        }
    }

    public void AddCancellation() => Interlocked.Increment(ref cancellations);

    /// <summary>Counts and reports what should not have happened.</summary>
    public void Fail(string what)
    {
        if (Interlocked.Increment(ref failures) <= MostShown)
            Console.WriteLine(what);
    }

    /// <summary>Everything in some lines.</summary>
    public override string ToString()
    {
        lock (gate)
        {
            differences.Sort();
            return Text(
                $"""
                  {differences.Count} answers, {tokens} tokens compared, {cancellations} cancelled; {failures} failures
                  largest difference of a logit in an answer, in standard deviations: median {At(0.5):g2}, 99 % {At(0.99):g2}, largest {At(
                    1
                ):g2}
                  libllama's own rounding {rounding:g2}, allowed {bound:g2}
                  {parted} answers part from the lone ones, where the lone token led by {largestLead:g2} at most
                """
            );
        }
    }

    private double At(double part) => differences.Count == 0 ? 0 : differences[(int)(part * (differences.Count - 1))];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
