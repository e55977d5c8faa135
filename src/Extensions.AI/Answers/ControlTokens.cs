using System.Text.RegularExpressions;

namespace Tessera.Extensions.AI;

/// <summary>Finds what may be a control token in the texts of a format.</summary>
internal static partial class ControlTokens
{
    /// <summary>All that stands between angle brackets.</summary>
    public static IEnumerable<string> In(string text) => Tag().Matches(text).Select(static match => match.Value);

    [GeneratedRegex(@"<[^<>\n]+>")]
    private static partial Regex Tag();
}
