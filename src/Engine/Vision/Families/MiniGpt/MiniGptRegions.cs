using System.Globalization;
using System.Text.RegularExpressions;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>
/// Boxes in hundredths of the picture: <c>&lt;p&gt;a cat&lt;/p&gt; {&lt;x1&gt;&lt;y1&gt;&lt;x2&gt;&lt;y2&gt;}&lt;delim&gt;{...}</c>, or
/// boxes alone, as <c>[refer]</c> answers (Vision-CAIR/MiniGPT-4, demo_v2.py, visualize_all_bbox_together).
/// </summary>
internal static partial class MiniGptRegions
{
    private const int Scale = 100;

    /// <summary>The places that an answer names.</summary>
    public static IReadOnlyList<NotedRegion> Read(string answer)
    {
        var regions = new List<NotedRegion>();
        string label = "";
        foreach (Match match in Marks().Matches(answer))
        {
            if (match.Groups["label"].Success)
            {
                label = match.Groups["label"].Value;
                continue;
            }

            int[] numbers =
            [
                .. match.Groups["number"].Captures.Select(static number => int.Parse(number.ValueSpan, CultureInfo.InvariantCulture)),
            ];
            if (regions.Count < NotedRegion.MaxCount && NotedRegion.Of(label, numbers, Scale) is { } region)
                regions.Add(region);
        }

        return regions;
    }

    [GeneratedRegex(@"<p>(?<label>[^<]{0,400})</p>|\{(?:<(?<number>[0-9]{1,6})>){4}\}")]
    private static partial Regex Marks();
}
