using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>
/// The names under which transformers 4, its later releases and transformers 5 save one and the same model (huggingface/transformers v5.12,
/// conversion_mapping.py) give one and the same files.
/// </summary>
public sealed class TransformersLayoutTests : IDisposable
{
    private const string Hub = "4",
        Late = "4.52",
        Five = "5";

    // From either of the older forms to that of version 5.
    private static readonly (string, string)[] ToFive =
    [
        ("language_model.model.", "model.language_model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.vision_tower.vision_model.", "model.vision_tower."),
        ("vision_tower.vision_model.", "model.vision_tower."),
        ("vision_tower.", "model.vision_tower."),
        ("vision_model.", "model.vision_model."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
        ("image_newline", "model.image_newline"),
    ];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("llava-1.5-hf")]
    [InlineData("llava-1.6-hf")]
    [InlineData("llava-next-video-hf")]
    [InlineData("llava-interleave-hf")]
    [InlineData("llava-onevision-hf")]
    [InlineData("internvl-2.5-hf")]
    [InlineData("llama-3.2-vision")]
    public async Task All_versions_of_a_layout_give_the_same_files(string checkpoint)
    {
        string[]? first = null;
        foreach (string version in (string[])[Hub, Late, Five])
        {
            string path = Path.Combine(folder.Path, version, checkpoint);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            Directory.Move(folder.Copy(checkpoint), path);
            string weights = Path.Combine(path, "model.safetensors");
            RenamedWeights.Write(weights, weights, name => Name(version, checkpoint, RenamedWeights.Exchange(name, ToFive)));
            string[] files = await DescribeAsync(path, version);
            Assert.Equal(first ??= files, files);
        }
    }

    // Every side in one folder, and the authors' settings in code.
    [Fact]
    public async Task Nvila_in_transformers_layout_becomes_the_authors_files()
    {
        string authors = folder.Copy("nvila"),
            path = folder.File("hf");
        Directory.CreateDirectory(path);
        string[] parts = ["llm", "vision_tower", "mm_projector"];
        foreach (string part in parts)
            RenamedWeights.Write(
                Path.Combine(authors, part, "model.safetensors"),
                Path.Combine(path, $"model-{part}.safetensors"),
                name => $"{part}.{name}"
            );
        foreach (string file in Directory.GetFiles(Path.Combine(authors, "llm"), "tokenizer*"))
            File.Copy(file, Path.Combine(path, Path.GetFileName(file)));
        File.Copy(Path.Combine(authors, "vision_tower", "preprocessor_config.json"), Path.Combine(path, "preprocessor_config.json"));
        File.WriteAllText(
            Path.Combine(path, "config.json"),
            new JsonObject
            {
                ["model_type"] = "nvila",
                ["architectures"] = new JsonArray("NVILAForConditionalGeneration"),
                ["text_config"] = JsonNode.Parse(File.ReadAllText(Path.Combine(authors, "llm", "config.json"))),
                ["vision_config"] = JsonNode.Parse(File.ReadAllText(Path.Combine(authors, "vision_tower", "config.json"))),
            }.ToJsonString()
        );
        Assert.Equal(await DescribeAsync(authors, "authors"), await DescribeAsync(path, "transformers"));
    }

    private static string Name(string version, string checkpoint, string name)
    {
        // CLIP's and SigLIP's classes had a model within the model until version 5.
        bool hasInner = checkpoint.StartsWith("llava", StringComparison.Ordinal);
        string tower = hasInner ? "vision_tower.vision_model." : "vision_tower.";
        return version switch
        {
            Hub => RenamedWeights.Exchange(
                name,
                [
                    ("model.language_model.", "language_model.model."),
                    ("lm_head.", "language_model.lm_head."),
                    ("model.vision_tower.", tower),
                    ("model.vision_model.", "vision_model."),
                    ("model.multi_modal_projector.", "multi_modal_projector."),
                    ("model.image_newline", "image_newline"),
                ]
            ),
            Late => RenamedWeights.Exchange(name, [("model.vision_tower.", "model." + tower)]),
            _ => name,
        };
    }

    // Both files: what they say, but for where it came from, and their tensors.
    private async Task<string[]> DescribeAsync(string path, string output)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File($"out-{output}"), Name = "model" }
        );
        await converter.ConvertAsync();
        var lines = new List<string>();
        foreach (string file in (string[])[converter.Model.Path, converter.Projector!.Path])
        {
            using GgufFile made = GgufFile.Open(file);
            lines.AddRange(
                Described
                    .Keys(made)
                    .Where(static pair => !pair.Key.StartsWith("tessera.source.", StringComparison.Ordinal))
                    .Select(static pair => $"{pair.Key}: {pair.Value}")
            );
            lines.AddRange(Described.Tensors(made).Select(static pair => $"{pair.Key}: {pair.Value}"));
        }

        return [.. lines];
    }
}
