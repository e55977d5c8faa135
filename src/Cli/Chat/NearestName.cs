namespace Tessera.Cli.Chat;

/// <summary>Finds the name that was probably meant.</summary>
internal static class NearestName
{
    /// <summary>The name that begins with what was typed, or else the one with the fewest letters changed, added, left out or
    /// swapped.</summary>
    public static string Find(string typed, IEnumerable<string> names) =>
        names
            .OrderBy(name =>
                typed.Length > 1 && name.StartsWith(typed, StringComparison.OrdinalIgnoreCase)
                    ? 0
                    : 1 + Distance(typed.ToLowerInvariant(), name)
            )
            .First();

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
