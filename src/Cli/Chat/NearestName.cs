namespace Tessera.Cli.Chat;

/// <summary>Finds the name that was probably meant.</summary>
internal static class NearestName
{
    // Of so many letters, or the last few, one may be wrong; a name that differs by more was hardly meant.
    private const int LettersForOneMistake = 3;

    /// <summary>The name that begins with what was typed, or else the one with the fewest letters changed, added, left out or
    /// swapped; null if none is near.</summary>
    /// <param name="typed">What was typed, with the slash or dashes that all names begin with.</param>
    /// <param name="names">The names.</param>
    public static string? Find(string typed, IEnumerable<string> names)
    {
        string word = typed.ToLowerInvariant(),
            letters = word.TrimStart('/', '-');
        return names
            .Select(name =>
                (Name: name, Distance: letters.Length > 0 && (IsStart(word, name) || IsStart(name, word)) ? 0 : Distance(word, name))
            )
            .Where(pair => pair.Distance <= (letters.Length + 2) / LettersForOneMistake)
            .OrderBy(static pair => pair.Distance)
            .FirstOrDefault()
            .Name;
    }

    /// <summary>The end of a sentence that says what is not known: the name that was probably meant, or else what helps.</summary>
    public static string Hint(string typed, IEnumerable<string> names, string help) =>
        Find(typed, names) is { } near ? $"; did you mean {near}?" : $"; {help}.";

    private static bool IsStart(string start, string name) => name.StartsWith(start, StringComparison.Ordinal);

    // Optimal string alignment distance.
    private static int Distance(string left, string right)
    {
        var cost = new int[left.Length + 1, right.Length + 1];
        for (int row = 0; row <= left.Length; row++)
        {
            for (int column = 0; column <= right.Length; column++)
            {
                if (row == 0 || column == 0)
                {
                    cost[row, column] = row + column;
                    continue;
                }

                int change = left[row - 1] == right[column - 1] ? 0 : 1;
                cost[row, column] = Math.Min(
                    cost[row - 1, column - 1] + change,
                    Math.Min(cost[row - 1, column], cost[row, column - 1]) + 1
                );
                if (row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1])
                    cost[row, column] = Math.Min(cost[row, column], cost[row - 2, column - 2] + 1);
            }
        }

        return cost[left.Length, right.Length];
    }
}
