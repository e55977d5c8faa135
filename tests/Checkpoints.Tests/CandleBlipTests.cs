using System.Text;
using System.Text.Json;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>
/// The file of BLIP's captioning that candle reads: no keys, no vocabulary, transformers' names, matrices quantized. The engine's tests
/// compare what it becomes with the reference.
/// </summary>
public sealed class CandleBlipTests : IDisposable
{
    private const string FileName = "blip-image-captioning-large-q8_0.gguf",
        TextPrefix = "text_decoder.bert.encoder.layer.0.";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Its_geometry_is_that_of_its_tensors_and_its_blocks_are_passed_on()
    {
        using CheckpointConverter converter = await ConvertAsync(Goldens.Folder("blip-candle"));
        Assert.Equal(("BLIP", "blip"), (converter.Family, converter.Architecture));
        Assert.EndsWith("-Q8_0.gguf", converter.Model.Path, StringComparison.Ordinal);
        using GgufFile candle = GgufFile.Open(Path.Combine(Goldens.Folder("blip-candle"), FileName)),
            language = GgufFile.Open(converter.Model.Path),
            projector = GgufFile.Open(converter.Projector!.Path);
        Same(candle, "text_decoder.bert.embeddings.word_embeddings.weight", language, "token_embd.weight");
        Same(candle, "text_decoder.bert.embeddings.position_embeddings.weight", language, "position_embd.weight");
        Same(candle, TextPrefix + "crossattention.self.key.weight", language, "blk.0.xattn_k.weight");
        Same(candle, TextPrefix + "crossattention.output.LayerNorm.weight", language, "blk.0.xattn_output_norm.weight");
        Same(candle, "vision_model.encoder.layers.1.self_attn.qkv.weight", projector, "v.blk.1.attn_qkv.weight");
        Same(candle, "vision_model.embeddings.position_embedding", projector, "v.position_embd.weight");

        string goldens = Engine.Tests.RepositoryRoot.Path("tests", "goldens", "blip", "blip-caption");
        using GgufFile expectedLanguage = GgufFile.Open(Path.Combine(goldens, "language-f16.gguf")),
            expectedProjector = GgufFile.Open(Path.Combine(goldens, "mmproj-f16.gguf"));
        Covers(expectedLanguage, language, static key => key.StartsWith("blip.") || key.StartsWith("tokenizer."));
        Covers(expectedProjector, projector, static key => key.StartsWith("clip.vision."));
    }

    [Fact]
    public async Task Blocks_of_256_are_passed_on_too()
    {
        string path = Directory.CreateDirectory(folder.File("large")).FullName,
            file = Path.Combine(path, "blip-image-captioning-large-q4k.gguf");
        File.Copy(Path.Combine(Goldens.Folder("blip-candle"), "tokenizer.json"), Path.Combine(path, "tokenizer.json"));
        WriteLarge(file, GgufTensorType.Q4_K);
        using CheckpointConverter converter = await ConvertAsync(path);
        Assert.EndsWith("large-Q4_K.gguf", converter.Model.Path, StringComparison.Ordinal);
        using GgufFile candle = GgufFile.Open(file),
            language = GgufFile.Open(converter.Model.Path),
            projector = GgufFile.Open(converter.Projector!.Path);
        Same(candle, TextPrefix + "output.dense.weight", language, "blk.0.ffn_down.weight");
        Same(candle, "text_decoder.bert.embeddings.position_embeddings.weight", language, "position_embd.weight");
        Same(candle, "vision_model.encoder.layers.0.mlp.fc2.weight", projector, "v.blk.0.ffn_down.weight");
        Assert.Equal(12u, language.Metadata.RequireUInt32("blip.attention.head_count"));
        Assert.Equal(16u, projector.Metadata.RequireUInt32("clip.vision.attention.head_count"));
        Assert.False(language.Metadata.ContainsKey("general.file_type"));
    }

    [Fact]
    public async Task Its_vocabulary_may_lie_in_berts_folder_in_it_or_beside_it()
    {
        string path = folder.Copy("blip-candle");
        string[] pieces = TakeVocabulary(path);
        Assert.Contains("vocab.txt", Failure(path), StringComparison.Ordinal);
        foreach (string place in (string[])[path, folder.Path])
        {
            string bert = Directory.CreateDirectory(Path.Combine(place, "bert-base-uncased")).FullName;
            File.WriteAllLines(Path.Combine(bert, "vocab.txt"), pieces);
            using (CheckpointConverter converter = await ConvertAsync(path))
            using (GgufFile language = GgufFile.Open(converter.Model.Path))
            {
                string[] tokens = language.Metadata.RequireStringArray("tokenizer.ggml.tokens");
                Assert.Equal(["[DEC]", "[ENC]"], tokens[^2..]);
                Assert.Equal(pieces.Length + 2, tokens.Length);
                Assert.Equal((uint)Array.IndexOf(pieces, "[SEP]"), language.Metadata.RequireUInt32("tokenizer.ggml.eos_token_id"));
            }

            Directory.Delete(bert, recursive: true);
        }
    }

    [Fact]
    public void What_cannot_be_is_one_sentence()
    {
        string path = folder.Copy("blip-candle"),
            file = Path.Combine(path, FileName);
        File.Copy(file, Path.Combine(path, "again.gguf"));
        Assert.Contains("both hold a BLIP", Failure(path), StringComparison.Ordinal);
        File.Delete(file);
        byte[] bytes = File.ReadAllBytes(Path.Combine(path, "again.gguf"));
        File.WriteAllBytes(Path.Combine(path, "again.gguf"), bytes[..(bytes.Length / 2)]);
        Assert.Contains("damaged", Failure(path), StringComparison.Ordinal);
        WriteLarge(Path.Combine(path, "again.gguf"), GgufTensorType.Q8_K);
        Assert.Contains("is stored as Q8_K, which is not supported", Failure(path), StringComparison.Ordinal);
        WriteLarge(Path.Combine(path, "again.gguf"), GgufTensorType.Q4_K, TextPrefix + "intermediate.dense.weight");
        Assert.Contains($"'{TextPrefix}intermediate.dense.weight' is missing", Failure(path), StringComparison.Ordinal);
        // Another model's file is no checkpoint.
        File.Copy(
            Engine.Tests.RepositoryRoot.Path("tests", "goldens", "blip", "blip-caption", "language-f16.gguf"),
            Path.Combine(path, "again.gguf"),
            overwrite: true
        );
        Assert.Contains("config.json is missing", Failure(path), StringComparison.Ordinal);
    }

    private async Task<CheckpointConverter> ConvertAsync(string path)
    {
        CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.File("out") });
        await converter.ConvertAsync();
        return converter;
    }

    private static string Failure(string path) =>
        Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path).Dispose()).Message;

    // Removes tokenizer.json and returns its pieces, as vocab.txt lists them.
    private static string[] TakeVocabulary(string path)
    {
        string file = Path.Combine(path, "tokenizer.json");
        using JsonDocument tokenizer = JsonDocument.Parse(File.ReadAllBytes(file));
        File.Delete(file);
        return
        [
            .. tokenizer
                .RootElement.GetProperty("model")
                .GetProperty("vocab")
                .EnumerateObject()
                .OrderBy(static entry => entry.Value.GetInt32())
                .Select(static entry => entry.Name),
        ];
    }

    private static void Same(GgufFile candle, string theirs, GgufFile file, string ours)
    {
        Assert.True(candle.TryGetTensor(theirs, out GgufTensor? source), theirs);
        Assert.True(file.TryGetTensor(ours, out GgufTensor? target), ours);
        Assert.Equal(source!.Type, target!.Type);
        Assert.True(
            candle.GetTensorData(source, 0, (int)source.ByteLength).SequenceEqual(file.GetTensorData(target, 0, (int)target.ByteLength)),
            $"{ours} has other bytes than {theirs}."
        );
    }

    // The same names and shapes as the golden's file, and the same keys.
    private static void Covers(GgufFile expected, GgufFile actual, Func<string, bool> isCompared)
    {
        Assert.Equal(
            expected.Tensors.Select(static tensor => $"{tensor.Name} {tensor.ElementCount}").Order(StringComparer.Ordinal),
            actual.Tensors.Select(static tensor => $"{tensor.Name} {tensor.ElementCount}").Order(StringComparer.Ordinal)
        );
        SortedDictionary<string, string> wanted = Described.Keys(expected),
            given = Described.Keys(actual);
        Assert.Equal(
            wanted.Where(pair => isCompared(pair.Key)).Select(static pair => $"{pair.Key}: {pair.Value}"),
            wanted.Keys.Where(isCompared).Select(key => $"{key}: {given.GetValueOrDefault(key)}")
        );
    }

    // One block of each side, as wide as blocks of 256 want; the heads are candle's.
    private static void WriteLarge(string path, GgufTensorType type, string? without = null)
    {
        const int Tower = 256,
            Text = 768,
            Inner = 256,
            Tokens = 700,
            Positions = 64;
        var tensors = new List<(string, GgufTensorType, long[], byte[])>();
        var random = new Random(1);
        void Add(string name, params long[] shape)
        {
            if (name == without)
                return;
            GgufTensorType stored = shape.Length == 2 ? type : GgufTensorType.F32;
            var bytes = new byte[shape.Aggregate(1L, static (a, b) => a * b) / stored.BlockLength() * stored.BlockByteLength()];
            if (shape.Length == 2)
                random.NextBytes(bytes);
            tensors.Add((name, stored, shape, bytes));
        }
        void Linear(string name, long inputs, long outputs)
        {
            Add(name + ".weight", inputs, outputs);
            Add(name + ".bias", outputs);
        }
        void Norm(string name, long width)
        {
            Add(name + ".weight", width);
            Add(name + ".bias", width);
        }
        Add("vision_model.embeddings.class_embedding", Tower, 1, 1);
        Add("vision_model.embeddings.position_embedding", Tower, 17, 1);
        Add("vision_model.embeddings.patch_embedding.weight", 16, 16, 3, Tower);
        Add("vision_model.embeddings.patch_embedding.bias", Tower);
        Norm("vision_model.post_layernorm", Tower);
        const string Block = "vision_model.encoder.layers.0.";
        Norm(Block + "layer_norm1", Tower);
        Norm(Block + "layer_norm2", Tower);
        Linear(Block + "self_attn.qkv", Tower, 3 * Tower);
        Linear(Block + "self_attn.projection", Tower, Tower);
        Linear(Block + "mlp.fc1", Tower, Inner);
        Linear(Block + "mlp.fc2", Inner, Tower);
        Add("text_decoder.bert.embeddings.word_embeddings.weight", Text, Tokens);
        Add("text_decoder.bert.embeddings.position_embeddings.weight", Text, Positions);
        Norm("text_decoder.bert.embeddings.LayerNorm", Text);
        foreach ((string part, long inputs) in ((string, long)[])[("attention", Text), ("crossattention", Tower)])
        {
            Linear($"{TextPrefix}{part}.self.query", Text, Text);
            Linear($"{TextPrefix}{part}.self.key", inputs, Text);
            Linear($"{TextPrefix}{part}.self.value", inputs, Text);
            Linear($"{TextPrefix}{part}.output.dense", Text, Text);
            Norm($"{TextPrefix}{part}.output.LayerNorm", Text);
        }

        Linear(TextPrefix + "intermediate.dense", Text, Inner);
        Linear(TextPrefix + "output.dense", Inner, Text);
        Norm(TextPrefix + "output.LayerNorm", Text);
        Linear("text_decoder.cls.predictions.transform.dense", Text, Text);
        Norm("text_decoder.cls.predictions.transform.LayerNorm", Text);
        Add("text_decoder.cls.predictions.bias", Tokens);
        Linear("text_decoder.cls.predictions.decoder", Text, Tokens);
        Write(path, tensors);
    }

    // As candle does, version 2 and without keys (candle-core/src/quantized/gguf_file.rs, write); GgufWriter keeps to ggml's longest names.
    private static void Write(string path, List<(string Name, GgufTensorType Type, long[] Shape, byte[] Data)> tensors)
    {
        const int Alignment = 32;
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("GGUF"u8);
        writer.Write(2);
        writer.Write((long)tensors.Count);
        writer.Write(0L);
        long offset = 0;
        foreach ((string name, GgufTensorType type, long[] shape, byte[] data) in tensors)
        {
            writer.Write((long)name.Length);
            writer.Write(Encoding.UTF8.GetBytes(name));
            writer.Write(shape.Length);
            foreach (long length in shape)
                writer.Write(length);
            writer.Write((int)type);
            writer.Write(offset);
            offset += data.Length + Padding(data.Length);
        }

        writer.Write(new byte[Padding(writer.BaseStream.Position)]);
        foreach ((_, _, _, byte[] data) in tensors)
        {
            writer.Write(data);
            writer.Write(new byte[Padding(data.Length)]);
        }

        static long Padding(long length) => (Alignment - length % Alignment) % Alignment;
    }
}
