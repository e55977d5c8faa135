using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>Every language model becomes what llama.cpp's own converter makes of it: tensors byte for byte, and the same keys.</summary>
public sealed class LanguageGoldenTests
{
    // Guesses about a name's parts, which are not made here, and what only one of the two writes.
    private static readonly string[] NotCompared =
    [
        "general.name",
        "general.basename",
        "general.finetune",
        "general.version",
        "general.organization",
        "general.size_label",
        "general.base_model.0.name",
        "general.base_model.0.organization",
        "general.base_model.0.repo_url",
    ];

    public static TheoryData<string> Checkpoints => [.. Goldens.WithExpected()];

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public async Task A_checkpoint_becomes_what_llama_cpp_makes_of_it(string checkpoint)
    {
        using var folder = new TemporaryFolder();
        WeightType type = checkpoint switch
        {
            "llama-q8_0" => WeightType.Q8_0,
            "llama-bf16" => WeightType.BF16,
            "mistral" => WeightType.F32,
            _ => WeightType.F16,
        };
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder(checkpoint),
            new ConversionOptions { OutputFolder = folder.Path, Type = type }
        );
        await converter.ConvertAsync();
        using GgufFile file = GgufFile.Open(converter.Model.Path);
        var expected = Goldens.Expected(checkpoint);
        AssertSame(Described.Tensors(expected), Described.Tensors(file), static _ => true);
        AssertSame(
            Described.Keys(expected),
            Described.Keys(file),
            static key => !key.StartsWith("tessera.", StringComparison.Ordinal) && !NotCompared.Contains(key)
        );
    }

    private static void AssertSame(
        SortedDictionary<string, string> expected,
        SortedDictionary<string, string> actual,
        Func<string, bool> isCompared
    )
    {
        string[] wanted = [.. expected.Where(pair => isCompared(pair.Key)).Select(static pair => $"{pair.Key}: {pair.Value}")];
        string[] given = [.. actual.Where(pair => isCompared(pair.Key)).Select(static pair => $"{pair.Key}: {pair.Value}")];
        Assert.True(
            wanted.SequenceEqual(given),
            "missing:\n" + string.Join('\n', wanted.Except(given)) + "\nadded:\n" + string.Join('\n', given.Except(wanted))
        );
    }
}
