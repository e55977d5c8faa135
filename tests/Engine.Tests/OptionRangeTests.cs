namespace Tessera.Engine.Tests;

/// <summary>A number that cannot be is refused by its name, with its range.</summary>
public sealed class OptionRangeTests
{
    public static TheoryData<string, string> WrongValues =>
        new()
        {
            { "MaxTokens", "at least 1" },
            { "Temperature", "a number of at least 0" },
            { "TopK", "at least 0" },
            { "TopP", "between 0 and 1" },
            { "MinP", "between 0 and 1" },
            { "RepeatPenalty", "a number above 0" },
            { "FrequencyPenalty", "a number" },
            { "PenaltyWindow", "at least 0" },
            { "BeamCount", "between 1 and 64" },
            { "LengthPenalty", "a number" },
            { "LogProbabilityCount", "between 0 and 20" },
            { "MaxSlices", "at least 1" },
            { "MaxImageTokens", "at least 1" },
            { "ImageIndex", "at least 0" },
            { "ContextLength", "at least 0" },
            { "ThreadCount", "at least 0" },
            { "MaxPixels", "at least 1" },
            { "ParallelAnswerCount", "at least 1" },
            { "ImageCacheBytes", "at least 0" },
        };

    [Theory]
    [MemberData(nameof(WrongValues))]
    public void A_value_out_of_its_range_is_refused_by_name(string name, string range)
    {
        var refused = Assert.Throws<ArgumentOutOfRangeException>(() => Check(name));
        Assert.Equal(name, refused.ParamName);
        Assert.Contains($"{name} must be {range}", refused.Message);
    }

    [Fact]
    public void Beams_have_neither_a_format_nor_probabilities()
    {
        var refused = Assert.Throws<ArgumentOutOfRangeException>((new GenerationOptions { BeamCount = 2, LogProbabilityCount = 3 }).Check);
        Assert.Contains("BeamCount must be 1 where", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_are_within_their_ranges()
    {
        new GenerationOptions().Check();
        new PlanRequest().Check();
        new ModelOptions { ModelPath = "model.gguf" }.Check();
    }

    private static void Check(string name)
    {
        var generation = new GenerationOptions();
        var request = new PlanRequest();
        var model = new ModelOptions { ModelPath = "model.gguf" };
        Action check = name switch
        {
            "MaxTokens" => (generation with { MaxTokens = 0 }).Check,
            "Temperature" => (generation with { Temperature = float.NaN }).Check,
            "TopK" => (generation with { TopK = -1 }).Check,
            "TopP" => (generation with { TopP = float.NaN }).Check,
            "MinP" => (generation with { MinP = 1.5f }).Check,
            "RepeatPenalty" => (generation with { RepeatPenalty = 0 }).Check,
            "FrequencyPenalty" => (generation with { FrequencyPenalty = float.PositiveInfinity }).Check,
            "PenaltyWindow" => (generation with { PenaltyWindow = -1 }).Check,
            "BeamCount" => (generation with { BeamCount = 0 }).Check,
            "LengthPenalty" => (generation with { LengthPenalty = float.NaN }).Check,
            "LogProbabilityCount" => (generation with { LogProbabilityCount = 21 }).Check,
            "MaxSlices" => (request with { MaxSlices = -1 }).Check,
            "MaxImageTokens" => (request with { MaxImageTokens = 0 }).Check,
            "ImageIndex" => (request with { ImageIndex = -1 }).Check,
            "ContextLength" => (model with { ContextLength = -1 }).Check,
            "ThreadCount" => (model with { ThreadCount = -1 }).Check,
            "MaxPixels" => (model with { MaxPixels = 0 }).Check,
            "ParallelAnswerCount" => (model with { ParallelAnswerCount = 0 }).Check,
            _ => (model with { ImageCacheBytes = -1 }).Check,
        };
        check();
    }
}
