using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>BLIP-2 and InstructBLIP as LAVIS released them: what is missing or does not belong together is one sentence.</summary>
public sealed class LavisPiecesTests
{
    [Theory]
    [InlineData("instructblip-vicuna-lavis", "eva_vit_g.pth", "the vision tower (eva_vit_g.pth or clip_vit_L.pth) is not in it")]
    [InlineData("blip2-flan-t5-vitl", "clip_vit_L.pth", "the vision tower (eva_vit_g.pth or clip_vit_L.pth) is not in it")]
    [InlineData("instructblip-vicuna-lavis", "bert-base-uncased", "the folder bert-base-uncased is missing")]
    [InlineData(
        "instructblip-vicuna-lavis",
        "vicuna-7b",
        "its files are InstructBLIP's, and the language model's folder belongs beside them; 0 folders"
    )]
    [InlineData("blip2-flan-t5-lavis", "flan-t5-xl/config.json", "the language model's folder belongs beside them; 0 folders")]
    public void A_missing_part_is_named(string checkpoint, string missing, string problem)
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Copy(checkpoint),
            part = Path.Combine(copy, missing);
        if (Directory.Exists(part))
            Directory.Delete(part, recursive: true);
        else
            File.Delete(part);
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(copy));
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_language_model_of_another_kind_is_refused()
    {
        using var folder = new TemporaryFolder();
        var options = new ConversionOptions { LanguageModelFolder = Goldens.Folder("llama") };
        string copy = WithoutLanguage(folder);
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(copy, options));
        Assert.Contains("made for a language model of kind t5, and this one is a llama", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_language_model_that_lies_elsewhere_is_taken()
    {
        using var folder = new TemporaryFolder();
        string whole = Goldens.Folder("blip2-flan-t5-lavis");
        var options = new ConversionOptions { LanguageModelFolder = Path.Combine(whole, "flan-t5-xl") };
        using CheckpointConverter there = CheckpointConverter.Open(whole),
            elsewhere = CheckpointConverter.Open(WithoutLanguage(folder), options);
        Assert.Equal(there.Model.Bytes, elsewhere.Model.Bytes);
        Assert.Equal("BLIP-2", elsewhere.Family);
    }

    [Fact]
    public void A_language_model_beside_a_whole_checkpoint_is_refused()
    {
        CheckpointException failure = Assert.Throws<CheckpointException>(() =>
            CheckpointConverter.Open(
                Goldens.Folder("llava-1.5-hf"),
                new ConversionOptions { LanguageModelFolder = Goldens.Folder("llama") }
            )
        );
        Assert.Contains("its language model is in it", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_tower_than_the_one_with_QLLaMA_is_refused()
    {
        CheckpointException failure = Assert.Throws<CheckpointException>(() =>
            CheckpointConverter.Open(
                Goldens.Folder("internvl-1.0-qllama"),
                new ConversionOptions { VisionTowerFolder = Goldens.Folder("InternViT-6B-224px") }
            )
        );
        Assert.Contains("'query_tokens' is missing, so it is not InternVL-14B", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_trained_files_are_one_too_many()
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Copy("blip2-flan-t5-lavis");
        File.Copy(Path.Combine(copy, "blip2_pretrained_flant5xl.pth"), Path.Combine(copy, "caption_coco_flant5xl.pth"));
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(copy));
        Assert.Contains("one of them must go", failure.Message, StringComparison.Ordinal);
    }

    // A tower that was trained on lies in the authors' file, all of whose blocks are run; of eva_vit_g.pth the last is not.
    [Theory]
    [InlineData("blip2-flan-t5-lavis", 2u)]
    [InlineData("instructblip-vicuna-lavis", 2u)]
    [InlineData("blip2-flan-t5-vitl", 2u)]
    public async Task Blocks_heads_and_pieces_are_as_the_authors_code_has_them(string checkpoint, uint blocks)
    {
        using var folder = new TemporaryFolder();
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder(checkpoint),
            new ConversionOptions { OutputFolder = folder.Path }
        );
        await converter.ConvertAsync();
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path),
            language = GgufFile.Open(converter.Model.Path);
        Assert.Equal(blocks, projector.Metadata.RequireUInt32("clip.vision.block_count"));
        Assert.Equal(2u, projector.Metadata.RequireUInt32("clip.vision.attention.head_count"));
        Assert.Equal(2u, projector.Metadata.RequireUInt32("clip.qformer.attention.head_count"));
        Assert.Equal(1e-5f, projector.Metadata.RequireSingle("clip.vision.post_norm_epsilon"));
        if (converter.Family != "InstructBLIP")
            return;
        Assert.True(projector.Metadata.TryGetStringArray("clip.qformer.tokens", out string[]? pieces));
        Assert.Equal("[DEC]", pieces![^1]);
        // Vicuna's own file says 1.
        Assert.Equal(2u, language.Metadata.RequireUInt32("tokenizer.ggml.bos_token_id"));
    }

    // vit_model stands in no file.
    [Fact]
    public async Task Of_two_towers_the_one_that_the_Q_Former_fits_is_taken()
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Copy("blip2-flan-t5-vitl");
        File.Copy(Path.Combine(Goldens.Folder("instructblip-vicuna-lavis"), "eva_vit_g.pth"), Path.Combine(copy, "eva_vit_g.pth"));
        using CheckpointConverter both = CheckpointConverter.Open(copy, new ConversionOptions { OutputFolder = folder.Path });
        await both.ConvertAsync();
        using GgufFile projector = GgufFile.Open(both.Projector!.Path);
        Assert.Equal(128u, projector.Metadata.RequireUInt32("clip.vision.embedding_length"));
        Assert.True(projector.TryGetTensor("v.pre_ln.weight", out _));
    }

    private static string WithoutLanguage(TemporaryFolder folder)
    {
        string copy = folder.Copy("blip2-flan-t5-lavis");
        Directory.Delete(Path.Combine(copy, "flan-t5-xl"), recursive: true);
        return copy;
    }
}
