namespace Tessera.Checkpoints.Tests;

/// <summary>What is missing beside a MiniGPT's files, or does not fit them, is one sentence.</summary>
public sealed class MiniGptPiecesTests
{
    [Theory]
    [InlineData("minigpt4-vicuna", "eva_vit_g.pth", "the vision tower (eva_vit_g.pth) is not in it")]
    [InlineData("minigpt4-vicuna", "blip2_pretrained_flant5xxl.pth", "the Q-Former (blip2_pretrained_flant5xxl.pth) is not in it")]
    [InlineData("minigpt4-vicuna", "llama/config.json", "the language model's folder belongs beside them; 0 folders")]
    [InlineData("minigpt-v2", "llama/model.safetensors", "there are no weights in it")]
    public void A_missing_part_is_named(string checkpoint, string missing, string problem)
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Copy(checkpoint);
        File.Delete(Path.Combine(copy, missing));
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(copy));
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_for_another_language_model_is_refused()
    {
        using var folder = new TemporaryFolder();
        string copy = folder.Copy("minigpt-v2");
        // A smaller Llama under the same names.
        foreach (string file in Directory.GetFiles(Goldens.Folder("llama")))
            File.Copy(file, Path.Combine(copy, "llama", Path.GetFileName(file)), overwrite: true);
        File.Delete(Path.Combine(copy, "llama", "model.safetensors"));
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(copy));
        Assert.Contains("lora_A", failure.Message, StringComparison.Ordinal);
    }
}
