using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace Tessera.Checkpoints.Tests;

/// <summary>Heads that are no table of tokens where that is usual, or are one where it is not; what a trainer saved around
/// tensors.</summary>
public sealed class HeadsAndWrappingsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // The checkpoint holds a copy of the table as its head, as some released ones do.
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void OPT_has_a_head_of_its_own_where_the_configuration_says_so(bool isTied, bool hasHead)
    {
        string path = folder.Copy("blip2-opt");
        Change(path, config => config["text_config"]!["tie_word_embeddings"] = isTied);
        Assert.Equal(hasHead, TargetNames(path).Contains("output.weight"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void IDEFICS_needs_no_head_where_the_configuration_ties_it(bool isTied)
    {
        string path = folder.Copy("idefics");
        Change(path, config => config["tie_word_embeddings"] = isTied);
        foreach (string part in (string[])["lm_head.weight", "lm_head.additional_fc.weight"])
            RenamedWeights.Write(
                Path.Combine(path, "model.safetensors"),
                Path.Combine(path, "model.safetensors"),
                name => name == part ? $"model.{part}.rotary_emb.inv_freq" : name
            );
        if (isTied)
            Assert.DoesNotContain("output.weight", TargetNames(path));
        else
            Assert.Contains(
                "tensor 'lm_head.weight' is missing",
                Assert.Throws<CheckpointException>(() => TargetNames(path)).Message,
                StringComparison.Ordinal
            );
    }

    [Fact]
    public void A_bias_that_one_block_lacks_is_named()
    {
        string path = folder.Copy("qwen2"),
            file = Path.Combine(path, "model.safetensors");
        RenamedWeights.Write(
            file,
            file,
            static name => name == "model.layers.1.self_attn.k_proj.bias" ? "model.layers.1.self_attn.rotary_emb.inv_freq" : name
        );
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path));
        Assert.Contains("tensor 'model.layers.1.self_attn.k_proj.bias' is missing", failure.Message, StringComparison.Ordinal);
    }

    // mlfoundations/open_flamingo, open_flamingo/train/train_utils.py, save_checkpoint.
    [Fact]
    public void OpenFlamingo_is_read_as_its_trainer_saved_it()
    {
        string path = folder.Copy("openflamingo-neox");
        string[] released = TargetNames(path);
        WrapPickle(Path.Combine(path, "checkpoint.pt"), "model_state_dict");
        Assert.Equal(released, TargetNames(path));
    }

    private string[] TargetNames(string path)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.File("out") });
        return [.. converter.Model.Tensors.Concat(converter.Projector!.Tensors).Select(static tensor => tensor.Name)];
    }

    private static void Change(string path, Action<JsonNode> change)
    {
        string file = Path.Combine(path, "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        change(config);
        File.WriteAllText(file, config.ToJsonString());
    }

    // {name: what the pickle holds}, in the same archive.
    private static void WrapPickle(string file, string name)
    {
        const int Protocol = 2;
        using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Update);
        ZipArchiveEntry entry = archive.Entries.Single(static entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal));
        using var old = new MemoryStream();
        using (Stream stream = entry.Open())
            stream.CopyTo(old);
        string fullName = entry.FullName;
        entry.Delete();
        byte[] key = Encoding.UTF8.GetBytes(name),
            length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, key.Length);
        using Stream target = archive.CreateEntry(fullName, CompressionLevel.NoCompression).Open();
        // PROTO, EMPTY_DICT, BINUNICODE key, the value, SETITEM, STOP.
        target.Write([0x80, Protocol, (byte)'}', (byte)'X', .. length, .. key, .. old.ToArray().AsSpan(2)[..^1], (byte)'s', (byte)'.']);
    }
}
