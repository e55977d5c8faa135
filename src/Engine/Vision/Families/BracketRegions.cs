using System.Globalization;
using System.Text.RegularExpressions;

namespace Tessera.Vision.Families;

/// <summary>
/// Places between double brackets in thousandths of the picture: with ref and box around them,
/// <c>&lt;ref&gt;a cat&lt;/ref&gt;&lt;box&gt;[[x1, y1, x2, y2], ...]&lt;/box&gt;</c> (OpenGVLab/InternVL,
/// internvl_chat/eval/refcoco/evaluate_grounding.py), and <c>a cat [[x1,y1,x2,y2;x1,y1,x2,y2]]</c> or a point
/// <c>[[x,y]]</c> (THUDM/CogVLM, utils/utils/grounding_parser.py).
/// </summary>
internal static partial class BracketRegions
{
    private const int Scale = 1000;

    /// <summary>The places that an answer names.</summary>
    public static IReadOnlyList<NotedRegion> Read(string answer)
    {
        var regions = new List<NotedRegion>();
        int end = 0;
        foreach (Match match in Brackets().Matches(answer))
        {
            string label = LabelOf(answer[end..match.Index]);
            end = match.Index + match.Length;
            foreach (string group in match.Groups["numbers"].Value.Split([';', ']'], StringSplitOptions.RemoveEmptyEntries))
            {
                int[] numbers =
                [
                    .. Numbers().Matches(group).Select(static number => int.Parse(number.ValueSpan, CultureInfo.InvariantCulture)),
                ];
                if (regions.Count < NotedRegion.MaxCount && NotedRegion.Of(label, numbers, Scale) is { } region)
                    regions.Add(region);
            }
        }

        return regions;
    }

    // What is named explicitly, or the words since the last mark of a clause's end.
    private static string LabelOf(string before)
    {
        if (Reference().Matches(before).LastOrDefault() is Match named)
            return named.Groups["label"].Value;
        string words = Tag().Replace(before, "");
        return words[(words.TrimEnd().LastIndexOfAny(['.', ',', ';', ':', '!', '?', '\n', ']']) + 1)..];
    }

    [GeneratedRegex(@"\[\[\s*(?<numbers>[0-9][0-9\s,;\[\]]{0,1000}?)\s*\]\]")]
    private static partial Regex Brackets();

    [GeneratedRegex("[0-9]{1,6}")]
    private static partial Regex Numbers();

    [GeneratedRegex("<ref>(?<label>[^<]{0,400})</ref>")]
    private static partial Regex Reference();

    [GeneratedRegex("</?[a-z]{1,10}>")]
    private static partial Regex Tag();
}
