using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>
/// BLIP under its authors' names: salesforce/BLIP, models/blip_vqa.py and blip_retrieval.py, whose towers are timm's
/// (models/vit.py). transformers' own script tells which is which (v5.12, models/blip/convert_blip_original_pytorch_to_hf.py).
/// </summary>
public sealed class BlipLayoutTests : IDisposable
{
    private static readonly (string, string)[] Tower =
    [
        ("embeddings.class_embedding", "cls_token"),
        ("embeddings.position_embedding", "pos_embed"),
        ("embeddings.patch_embedding", "patch_embed.proj"),
        ("post_layernorm", "norm"),
        ("encoder.layers.", "blocks."),
    ];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("blip-vqa", "text_decoder.bert.embeddings.position_ids", "text_encoder.embeddings.position_ids")]
    [InlineData(
        "blip-itm",
        "temp",
        "image_queue",
        "text_queue",
        "idx_queue",
        "ptr_queue",
        "visual_encoder_m.cls_token",
        "text_encoder_m.embeddings.LayerNorm.bias",
        "vision_proj_m.bias",
        "text_proj_m.bias"
    )]
    public async Task The_authors_names_give_the_same_files(string checkpoint, params string[] more)
    {
        string authors = folder.Copy(checkpoint),
            weights = Path.Combine(authors, "model.safetensors");
        RenamedWeights.Write(weights, weights, AuthorsName, more);
        Assert.Equal(await DescribeAsync(Goldens.Folder(checkpoint), "theirs"), await DescribeAsync(authors, "ours"));
    }

    private static string AuthorsName(string name)
    {
        const string Prefix = "vision_model.";
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            ? "visual_encoder."
                + RenamedWeights
                    .Exchange(name[Prefix.Length..], Tower)
                    .Replace("self_attn.projection", "attn.proj")
                    .Replace("self_attn", "attn")
                    .Replace("layer_norm", "norm")
            : name;
    }

    private async Task<string[]> DescribeAsync(string path, string output)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File(output), Name = "blip" }
        );
        await converter.ConvertAsync();
        var lines = new List<string>();
        foreach (ConvertedFile file in new[] { converter.Model, converter.Projector }.OfType<ConvertedFile>())
        {
            using GgufFile gguf = GgufFile.Open(file.Path);
            lines.AddRange(Described.Tensors(gguf).Select(static pair => $"{pair.Key} {pair.Value}"));
            lines.AddRange(
                Described
                    .Keys(gguf)
                    .Where(static pair => !pair.Key.StartsWith("tessera.source.", StringComparison.Ordinal))
                    .Select(static pair => $"{pair.Key} {pair.Value}")
            );
        }

        return [.. lines];
    }
}
