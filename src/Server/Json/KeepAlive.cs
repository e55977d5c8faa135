using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tessera.Server.Hosting;

namespace Tessera.Server.Json;

/// <summary>How long a model stays loaded, as Ollama's API says it: seconds, or a text such as <c>10m</c>; negative for ever.</summary>
internal static partial class KeepAlive
{
    private const string Name = "keep_alive";

    public static readonly TimeSpan Forever = TimeSpan.FromSeconds(-1);

    /// <summary>The request's field; null where it has none.</summary>
    public static TimeSpan? Read(Fields body)
    {
        if (body.Any(Name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds))
            return Of(seconds);
        return value.ValueKind == JsonValueKind.String && Parse(value.GetString()!) is { } parsed
            ? parsed
            : throw ApiException.Field(Name, "must be seconds, or a text such as \"5m\" or \"-1\".");
    }

    /// <summary>Reads a text; null for none that is understood.</summary>
    public static TimeSpan? Parse(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds))
            return Of(seconds);
        Match match = Duration().Match(text);
        if (!match.Success || match.Length == 0)
            return null;
        double sum = 0;
        for (int index = 0; index < match.Groups[2].Captures.Count; index++)
        {
            double number = double.Parse(match.Groups[2].Captures[index].Value, CultureInfo.InvariantCulture);
            sum +=
                number
                * match.Groups[3].Captures[index].Value switch
                {
                    "ms" => 0.001,
                    "s" => 1,
                    "m" => 60,
                    _ => 3600,
                };
        }

        return Of(match.Groups[1].Length > 0 ? -sum : sum);
    }

    private static TimeSpan Of(double seconds) =>
        double.IsNaN(seconds) || seconds < 0 || seconds > TimeSpan.FromDays(3650).TotalSeconds ? Forever : TimeSpan.FromSeconds(seconds);

    [GeneratedRegex(@"^(-)?(?:(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h))+$")]
    private static partial Regex Duration();
}
