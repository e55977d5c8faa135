namespace Tessera.Fuzz.Campaign;

/// <summary>
/// Makes an input that found something smaller, as long as it does the same: takes pieces away, first large ones, then small ones.
/// </summary>
internal static class Minimizer
{
    // Each try is a process.
    private const int MostTries = 400;

    /// <summary>Writes the smallest input that was found beside the file, with <c>.small</c> behind its name.</summary>
    /// <returns>What both of them do, or null if the file does no harm.</returns>
    public static async Task<string?> RunAsync(string kind, string file, Action<string> say, CancellationToken cancellationToken)
    {
        if (await Campaign.ReplayAsync(kind, file, cancellationToken) is not string problem)
            return null;
        string smaller = $"{file}.small";
        byte[] best = await File.ReadAllBytesAsync(file, cancellationToken);
        int tries = 0;
        for (int length = Math.Max(1, best.Length / 2); length > 0 && tries < MostTries; length /= 2)
        {
            for (int start = 0; start < best.Length && tries < MostTries; )
            {
                byte[] rest = [.. best[..start], .. best[Math.Min(best.Length, start + length)..]];
                await File.WriteAllBytesAsync(smaller, rest, cancellationToken);
                tries++;
                if (FoundFolder.Signature(await Campaign.ReplayAsync(kind, smaller, cancellationToken)) == FoundFolder.Signature(problem))
                    best = rest;
                else
                    start += length;
            }

            say($"{best.Length} bytes after {tries} tries");
        }

        await File.WriteAllBytesAsync(smaller, best, cancellationToken);
        return problem;
    }
}
