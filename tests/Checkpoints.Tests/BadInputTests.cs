using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace Tessera.Checkpoints.Tests;

/// <summary>Each kind of damage is one sentence that names what is at fault, and leaves nothing behind.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task A_shard_that_is_missing_is_named() =>
        Fails(
            "llama",
            path => File.Delete(Path.Combine(path, "model-00002-of-00002.safetensors")),
            "model-00002-of-00002.safetensors is missing"
        );

    [Fact]
    public Task An_index_that_lies_is_told() =>
        Fails(
            "llama",
            static path =>
                ChangeJson(
                    Path.Combine(path, "model.safetensors.index.json"),
                    static index => index["weight_map"]!["lm_head.weight"] = "model-00002-of-00002.safetensors"
                ),
            "it says that tensor 'lm_head.weight' is in",
            "but it is not"
        );

    [Fact]
    public Task An_index_that_leads_out_of_the_folder_is_refused() =>
        Fails(
            "llama",
            static path =>
                ChangeJson(
                    Path.Combine(path, "model.safetensors.index.json"),
                    static index => index["weight_map"]!["lm_head.weight"] = "../../etc/passwd"
                ),
            "leads out of the folder"
        );

    [Fact]
    public Task A_tensor_of_another_shape_is_named() =>
        Fails(
            "qwen2",
            static path => ChangeJson(Path.Combine(path, "config.json"), static config => config["intermediate_size"] = 96),
            "model.safetensors",
            "mlp.",
            "has the shape",
            "config.json makes it"
        );

    [Fact]
    public Task A_block_too_few_is_named() =>
        Fails(
            "qwen2",
            static path => ChangeJson(Path.Combine(path, "config.json"), static config => config["num_hidden_layers"] = 3),
            "tensor 'model.layers.2.input_layernorm.weight' is missing"
        );

    [Fact]
    public Task A_model_that_no_row_knows_lists_what_is_known() =>
        Fails(
            "qwen2",
            static path =>
                ChangeJson(
                    Path.Combine(path, "config.json"),
                    static config =>
                    {
                        config["model_type"] = "nothing";
                        config["architectures"] = new JsonArray("NothingForCausalLM");
                    }
                ),
            "'nothing'",
            "NothingForCausalLM",
            "LlamaForCausalLM",
            "InternVL"
        );

    [Fact]
    public Task A_damaged_header_is_told() =>
        Fails(
            "qwen2",
            static path => ChangeBytes(Path.Combine(path, "model.safetensors"), static bytes => bytes[9] = (byte)'{'),
            "model.safetensors",
            "damaged"
        );

    [Fact]
    public Task A_file_cut_short_is_told() =>
        Fails(
            "qwen2",
            static path =>
            {
                using FileStream stream = File.OpenWrite(Path.Combine(path, "model.safetensors"));
                stream.SetLength(stream.Length / 2);
            },
            "model.safetensors",
            "was not copied to its end"
        );

    [Fact]
    public Task A_pointer_instead_of_the_file_is_told() =>
        Fails(
            "qwen2",
            static path =>
                File.WriteAllText(
                    Path.Combine(path, "model.safetensors"),
                    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
                ),
            "Git LFS"
        );

    [Fact]
    public Task A_damaged_tokenizer_is_told() =>
        Fails(
            "llama",
            static path => File.WriteAllBytes(Path.Combine(path, "tokenizer.model"), [10, 200, 1, 2, 3]),
            "tokenizer.model",
            "no SentencePiece model"
        );

    [Fact]
    public Task A_tokenizer_that_cuts_words_in_an_unknown_way_is_told() =>
        Fails(
            "qwen2",
            static path =>
                ChangeJson(
                    Path.Combine(path, "tokenizer.json"),
                    static tokenizer => tokenizer["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = "[aeiou]+"
                ),
            "tokenizer.json",
            "[aeiou]+"
        );

    [Fact]
    public async Task Weights_that_are_no_numbers_are_named_and_converted_on_request()
    {
        string path = folder.Copy("llama-q8_0");
        ChangeBytes(
            Path.Combine(path, "model.safetensors"),
            static bytes => BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(bytes.Length - 4), float.NaN)
        );
        string output = folder.File("out");
        using (CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = output }))
        {
            CheckpointException failure = await Assert.ThrowsAsync<CheckpointException>(() => converter.ConvertAsync());
            Assert.Contains("(NaN)", failure.Message);
            Assert.Contains("'model.norm.weight'", failure.Message);
        }

        Assert.Empty(Directory.EnumerateFiles(output));
        using CheckpointConverter allowed = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = output, AllowNaN = true }
        );
        await allowed.ConvertAsync();
        Assert.True(File.Exists(allowed.Model.Path));
    }

    [Fact]
    public Task A_pickle_that_names_something_else_is_refused() =>
        Fails("llama-pytorch", static path => WritePickle(path, "cposix\nsystem\n(X\u0002\0\0\0idtR."), "posix.system", "not run");

    [Fact]
    public Task A_pickle_with_instructions_of_no_tensor_is_refused() =>
        Fails("llama-pytorch", static path => WritePickle(path, "\u0080\u0002(iposix\nsystem\n."), "0x69", "not run");

    [Fact]
    public Task A_compressed_archive_is_refused() =>
        Fails(
            "llama-pytorch",
            static path =>
            {
                string file = Path.Combine(path, "pytorch_model-00001-of-00002.bin");
                File.Delete(file);
                using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Create);
                using Stream entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.SmallestSize).Open();
                entry.Write(new byte[10_000_000]);
            },
            "compressed"
        );

    [Fact]
    public async Task A_folder_that_cannot_be_written_to_is_told()
    {
        File.WriteAllText(folder.File("file"), "");
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder("llama"),
            new ConversionOptions { OutputFolder = Path.Combine(folder.File("file"), "inside") }
        );
        Assert.Contains("cannot be written to", (await Assert.ThrowsAsync<CheckpointException>(() => converter.ConvertAsync())).Message);
    }

    [Fact]
    public async Task A_cancelled_conversion_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        using CheckpointConverter converter = CheckpointConverter.Open(
            Goldens.Folder("llama"),
            new ConversionOptions { OutputFolder = folder.File("out") }
        );
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => converter.ConvertAsync(new Stop(stop), stop.Token));
        Assert.Empty(Directory.EnumerateFiles(folder.File("out")));
    }

    [Fact]
    public void Random_damage_is_a_sentence_or_harmless()
    {
        var random = new Random(20);
        foreach (string checkpoint in (string[])["qwen2", "llama-pytorch", "t5"])
        {
            string path = folder.Copy(checkpoint);
            string[] files =
            [
                .. Directory.EnumerateFiles(path).Where(static file => !file.EndsWith("expected.json", StringComparison.Ordinal)),
            ];
            for (int round = 0; round < 150; round++)
            {
                string file = files[random.Next(files.Length)];
                byte[] original = File.ReadAllBytes(file),
                    damaged = [.. original];
                int reach = random.Next(2) == 0 ? Math.Min(damaged.Length, 4096) : damaged.Length;
                for (int change = random.Next(1, 6); change > 0; change--)
                    damaged[random.Next(reach)] = (byte)random.Next(256);
                File.WriteAllBytes(file, damaged);
                try
                {
                    CheckpointConverter.Open(path).Dispose();
                }
                catch (CheckpointException failure)
                {
                    Assert.DoesNotContain('\n', failure.Message);
                }

                File.WriteAllBytes(file, original);
            }
        }
    }

    private async Task Fails(string checkpoint, Action<string> damage, params string[] words)
    {
        string path = folder.Copy(checkpoint),
            output = folder.File("out");
        damage(path);
        CheckpointException failure = await Assert.ThrowsAsync<CheckpointException>(async () =>
        {
            using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = output });
            await converter.ConvertAsync();
        });
        Assert.All(words, word => Assert.Contains(word, failure.Message));
        Assert.DoesNotContain('\n', failure.Message);
        Assert.False(Directory.Exists(output) && Directory.EnumerateFiles(output).Any());
    }

    private static void ChangeJson(string file, Action<JsonNode> change)
    {
        JsonNode node = JsonNode.Parse(File.ReadAllText(file))!;
        change(node);
        File.WriteAllText(file, node.ToJsonString());
    }

    private static void ChangeBytes(string file, Action<byte[]> change)
    {
        byte[] bytes = File.ReadAllBytes(file);
        change(bytes);
        File.WriteAllBytes(file, bytes);
    }

    private static void WritePickle(string path, string pickle)
    {
        string file = Path.Combine(path, "pytorch_model-00001-of-00002.bin");
        File.Delete(file);
        using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Create);
        using Stream entry = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open();
        entry.Write(Encoding.Latin1.GetBytes(pickle));
    }

    private sealed class Stop(CancellationTokenSource source) : IProgress<ConversionProgress>
    {
        public void Report(ConversionProgress value) => source.Cancel();
    }
}
