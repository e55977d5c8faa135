using Tessera.Engine.Tests.Gguf;
using Tessera.Vision.Families;

namespace Tessera.Engine.Tests.Models;

/// <summary>Files of InternVL 1.0 with QLLaMA: a sentence for each value that cannot be; and where a picture's rows stand.</summary>
public sealed class QueryLlamaFileTests
{
    [Theory]
    [InlineData("clip.vision.patch_layer", 0u, "but the file holds 1 blocks")]
    [InlineData("clip.vision.patch_layer", 2u, "but the file holds 1 blocks")]
    [InlineData("clip.qllama.attention.head_count", 0u, "does not divide QLLaMA's width, 8")]
    [InlineData("clip.qllama.attention.head_count", 8u, "into heads of even width")]
    [InlineData("clip.qllama.attention.layer_norm_rms_epsilon", float.NaN, "not a small number")]
    [InlineData("clip.vision.image_aspect_ratio", "anyres", "known are pad and square")]
    public void A_value_that_cannot_be_is_named(string key, object value, string reason)
    {
        string message = Fail(contents => contents.Metadata[key] = value);
        Assert.Contains(key, message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v.position_embd.weight", "'v.position_embd.weight' holds 0 positions")]
    [InlineData("qllama.query", "'qllama.query' is missing")]
    [InlineData("qllama.blk.0.attn_q.weight", "so it holds no QLLaMA")]
    [InlineData("qllama.blk.0.xattn_q.weight", "so it would see no picture")]
    [InlineData("qllama.blk.0.ffn_up.weight", "'qllama.blk.0.ffn_up.weight' is missing")]
    [InlineData("mm.query.0.weight", "'mm.query.0.weight' is missing")]
    public void A_missing_tensor_is_named(string name, string reason) =>
        Assert.Contains(reason, Fail(contents => contents.Shapes.Remove(name)), StringComparison.Ordinal);

    [Fact]
    public void Patches_and_queries_become_embeddings_of_one_width()
    {
        string message = Fail(contents => contents.Shapes["mm.query.2.weight"] = [8, 16]);
        Assert.Contains("embeddings of 8 numbers and its queries of 16", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pictures_queries_and_patches_are_one_stretch_of_rows()
    {
        using var folder = new TemporaryFolder();
        FamilyParts parts = SlicedProjectors.Open(folder, static contents => contents.Become(ReleasedProjectors.QueryLlama()));
        SlicePlan plan = parts.Processor.Plan(new PixelSize(800, 1300), PlanRequest.Default);
        Assert.Equal(96 + 576, Assert.Single(plan.Layout).RowCount);
        Assert.Equal(new SourceRectangle(-250, 0, 1300, 1300), plan.Slices[0].Source);
    }

    private static string Fail(Action<SlicedProjectors.Contents> change)
    {
        using var folder = new TemporaryFolder();
        return Assert
            .Throws<ModelFileException>(() =>
                SlicedProjectors.Open(
                    folder,
                    contents =>
                    {
                        contents.Become(ReleasedProjectors.QueryLlama());
                        change(contents);
                    }
                )
            )
            .Message;
    }
}
