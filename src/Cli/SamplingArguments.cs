using System.CommandLine;
using System.Globalization;

namespace Tessera.Cli;

/// <summary>The options that say how an answer is generated.</summary>
internal sealed class SamplingArguments
{
    private static readonly GenerationOptions Defaults = new();
    private readonly Option<int> maxTokens = new("--max-tokens") { Description = "The most tokens of an answer.", HelpName = "N", DefaultValueFactory = static _ => Defaults.MaxTokens };
    private readonly Option<float> temperature = Number("--temperature", "0 always takes the likeliest token.", Defaults.Temperature, 0, 100);
    private readonly Option<int> topK = new("--top-k") { Description = "Keep the k likeliest tokens; 0 keeps all.", HelpName = "K", DefaultValueFactory = static _ => Defaults.TopK };
    private readonly Option<float> topP = Number("--top-p", "Keep the likeliest tokens up to this probability; 1 keeps all.", Defaults.TopP, 0, 1);
    private readonly Option<float> minP = Number("--min-p", "Keep tokens with at least this share of the likeliest one's probability.", Defaults.MinP, 0, 1);
    private readonly Option<float> repeatPenalty = Number("--repeat-penalty", "Divide the logits of recent tokens; 1 is none.", Defaults.RepeatPenalty, 0.01f, 100);
    private readonly Option<float> frequencyPenalty = Number("--frequency-penalty", "Subtract this for each recent use of a token.", Defaults.FrequencyPenalty, -100, 100);
    private readonly Option<float> presencePenalty = Number("--presence-penalty", "Subtract this once for each recent token.", Defaults.PresencePenalty, -100, 100);
    private readonly Option<uint?> seed = new("--seed") { Description = "Seed of the random choice; without it, another one each time.", HelpName = "N" };
    private readonly Option<string[]> stop = new("--stop") { Description = "A text that ends the answer; may be given several times.", HelpName = "TEXT" };

    public SamplingArguments()
    {
        maxTokens.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() < 1) result.AddError("--max-tokens must be at least 1.");
        });
        topK.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() < 0) result.AddError("--top-k must be at least 0.");
        });
    }

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[maxTokens, temperature, topK, topP, minP, repeatPenalty, frequencyPenalty, presencePenalty, seed, stop]) command.Add(option);
    }

    public GenerationOptions ToOptions(ParseResult parsed) => new()
    {
        MaxTokens = parsed.GetValue(maxTokens),
        Temperature = parsed.GetValue(temperature),
        TopK = parsed.GetValue(topK),
        TopP = parsed.GetValue(topP),
        MinP = parsed.GetValue(minP),
        RepeatPenalty = parsed.GetValue(repeatPenalty),
        FrequencyPenalty = parsed.GetValue(frequencyPenalty),
        PresencePenalty = parsed.GetValue(presencePenalty),
        Seed = parsed.GetValue(seed),
        StopStrings = parsed.GetValue(stop) ?? [],
    };

    private static Option<float> Number(string name, string description, float standard, float least, float most)
    {
        var option = new Option<float>(name) { Description = description, HelpName = "X", DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 0) return;
            float value = result.GetValueOrDefault<float>();
            if (!(value >= least && value <= most)) result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} must be within {least} to {most}."));
        });
        return option;
    }
}
