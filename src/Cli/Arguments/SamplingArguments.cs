using System.CommandLine;
using Tessera.Cli.Commands;

namespace Tessera.Cli.Arguments;

/// <summary>The options that say how an answer is generated.</summary>
internal sealed class SamplingArguments(float? temperature = null)
{
    private static readonly GenerationOptions Defaults = new();
    private readonly Option<int> maxTokens = OptionValues.Number(
        "--max-tokens",
        "The most tokens of an answer.",
        "N",
        Defaults.MaxTokens,
        1,
        int.MaxValue
    );
    private readonly Option<float> temperatureOption = OptionValues.Number(
        "--temperature",
        "0 always takes the likeliest token.",
        "X",
        temperature ?? Defaults.Temperature,
        0,
        100
    );
    private readonly Option<int> topK = OptionValues.Number(
        "--top-k",
        "Keep the k likeliest tokens; 0 keeps all.",
        "K",
        Defaults.TopK,
        0,
        int.MaxValue
    );
    private readonly Option<float> topP = OptionValues.Number(
        "--top-p",
        "Keep the likeliest tokens up to this probability; 1 keeps all.",
        "X",
        Defaults.TopP,
        0,
        1
    );
    private readonly Option<float> minP = OptionValues.Number(
        "--min-p",
        "Keep tokens with at least this share of the likeliest one's probability.",
        "X",
        Defaults.MinP,
        0,
        1
    );
    private readonly Option<float> repeatPenalty = OptionValues.Number(
        "--repeat-penalty",
        "Divide the logits of recent tokens; 1 is none.",
        "X",
        Defaults.RepeatPenalty,
        0.01f,
        100
    );
    private readonly Option<float> frequencyPenalty = OptionValues.Number(
        "--frequency-penalty",
        "Subtract this for each recent use of a token.",
        "X",
        Defaults.FrequencyPenalty,
        -100,
        100
    );
    private readonly Option<float> presencePenalty = OptionValues.Number(
        "--presence-penalty",
        "Subtract this once for each recent token.",
        "X",
        Defaults.PresencePenalty,
        -100,
        100
    );
    private readonly Option<int> beams = OptionValues.Number(
        "--beams",
        "Search for the likeliest answer in so many beams, whatever the temperature.",
        "N",
        Defaults.BeamCount,
        1,
        GenerationOptions.MaxBeamCount
    );
    private readonly Option<float> lengthPenalty = OptionValues.Number(
        "--length-penalty",
        "With beams: above 0 favours long answers, below 0 short ones.",
        "X",
        Defaults.LengthPenalty,
        -100,
        100
    );
    private readonly Option<uint?> seed = OptionValues.OptionalNumber(
        "--seed",
        "Seed of the random choice; without it, another one each time.",
        uint.MinValue,
        uint.MaxValue
    );
    private readonly Option<string[]> stop = new("--stop")
    {
        Description = "A text that ends the answer; may be given several times.",
        HelpName = "TEXT",
    };

    public void AddTo(Command command)
    {
        foreach (
            Option option in (Option[])
                [
                    maxTokens,
                    temperatureOption,
                    topK,
                    topP,
                    minP,
                    repeatPenalty,
                    frequencyPenalty,
                    presencePenalty,
                    beams,
                    lengthPenalty,
                    seed,
                    stop,
                ]
        )
            command.Add(option);
    }

    /// <summary>How an answer of a format is generated.</summary>
    /// <exception cref="UsageException">Beams cannot follow a format.</exception>
    public GenerationOptions ToOptions(ParseResult parsed, AnswerFormat? format)
    {
        GenerationOptions options = ToOptions(parsed) with { Format = format };
        return format is null || options.BeamCount == 1
            ? options
            : throw new UsageException("--beams goes with neither --schema nor --grammar.");
    }

    public GenerationOptions ToOptions(ParseResult parsed) =>
        new()
        {
            MaxTokens = parsed.GetValue(maxTokens),
            Temperature = parsed.GetValue(temperatureOption),
            TopK = parsed.GetValue(topK),
            TopP = parsed.GetValue(topP),
            MinP = parsed.GetValue(minP),
            RepeatPenalty = parsed.GetValue(repeatPenalty),
            FrequencyPenalty = parsed.GetValue(frequencyPenalty),
            PresencePenalty = parsed.GetValue(presencePenalty),
            BeamCount = parsed.GetValue(beams),
            LengthPenalty = parsed.GetValue(lengthPenalty),
            Seed = parsed.GetValue(seed),
            StopStrings = parsed.GetValue(stop) ?? [],
        };
}
