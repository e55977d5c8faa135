using System.Globalization;

namespace Tessera.Cli.Chat;

/// <summary>A value that says how answers are generated, by the name that <c>/params</c> gives it; the names are those of the
/// options.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Range">What it may be, in words.</param>
/// <param name="Read">Its value as text.</param>
/// <param name="Write">The options with another value; null if the text is no value of it.</param>
internal sealed record SamplingParameter(
    string Name,
    string Range,
    Func<GenerationOptions, string> Read,
    Func<GenerationOptions, string, GenerationOptions?> Write
)
{
    public static IReadOnlyList<SamplingParameter> All { get; } =
    [
        Real("temperature", 0, 100, static options => options.Temperature, static (options, value) => options with { Temperature = value }),
        Whole("top-k", 0, static options => options.TopK, static (options, value) => options with { TopK = value }),
        Real("top-p", 0, 1, static options => options.TopP, static (options, value) => options with { TopP = value }),
        Real("min-p", 0, 1, static options => options.MinP, static (options, value) => options with { MinP = value }),
        Real(
            "repeat-penalty",
            0.01f,
            100,
            static options => options.RepeatPenalty,
            static (options, value) => options with { RepeatPenalty = value }
        ),
        Real(
            "frequency-penalty",
            -100,
            100,
            static options => options.FrequencyPenalty,
            static (options, value) => options with { FrequencyPenalty = value }
        ),
        Real(
            "presence-penalty",
            -100,
            100,
            static options => options.PresencePenalty,
            static (options, value) => options with { PresencePenalty = value }
        ),
        Whole("max-tokens", 1, static options => options.MaxTokens, static (options, value) => options with { MaxTokens = value }),
        Seed(),
    ];

    private static SamplingParameter Real(
        string name,
        float least,
        float most,
        Func<GenerationOptions, float> read,
        Func<GenerationOptions, float, GenerationOptions> write
    ) =>
        new(
            name,
            string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"),
            options => read(options).ToString(CultureInfo.InvariantCulture),
            (options, text) =>
                float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value >= least && value <= most
                    ? write(options, value)
                    : null
        );

    private static SamplingParameter Whole(
        string name,
        int least,
        Func<GenerationOptions, int> read,
        Func<GenerationOptions, int, GenerationOptions> write
    ) =>
        new(
            name,
            $"a whole number from {least}",
            options => read(options).ToString(CultureInfo.InvariantCulture),
            (options, text) =>
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least
                    ? write(options, value)
                    : null
        );

    private static SamplingParameter Seed() =>
        new(
            "seed",
            "a whole number, or random",
            static options => options.Seed?.ToString(CultureInfo.InvariantCulture) ?? "random",
            static (options, text) =>
                text == "random" ? options with { Seed = null }
                : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) ? options with { Seed = value }
                : null
        );
}
