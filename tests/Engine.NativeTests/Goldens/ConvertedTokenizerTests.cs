using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Tessera.Checkpoints;
using Tessera.Text.Llama;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Hard texts become the reference's tokens through libllama, for every kind of tokenizer that is converted.</summary>
public sealed class ConvertedTokenizerTests : IDisposable
{
    private const int Width = 32,
        Inner = 64;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-tokenizer-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("sentencepiece")]
    [InlineData("sentencepiece-json")]
    [InlineData("llama-3")]
    [InlineData("qwen2")]
    [InlineData("unigram")]
    [InlineData("wordpiece")]
    public async Task Hard_texts_become_the_references_tokens(string kind)
    {
        string source = RepositoryRoot.Path("tests", "goldens", "checkpoints", "tokenizers", kind),
            checkpoint = Path.Combine(folder.FullName, kind);
        Directory.CreateDirectory(checkpoint);
        foreach (string file in Directory.EnumerateFiles(source))
            File.Copy(file, Path.Combine(checkpoint, Path.GetFileName(file)));
        WriteModel(checkpoint, 512);
        using CheckpointConverter converter = CheckpointConverter.Open(
            checkpoint,
            new ConversionOptions { OutputFolder = folder.FullName }
        );
        await converter.ConvertAsync();
        using LanguageModel language = LanguageModel.Load(converter.Model.Path, 0, null, default);
        var wrong = new List<string>();
        foreach (JsonElement entry in JsonDocument.Parse(File.ReadAllText(Path.Combine(source, "ids.json"))).RootElement.EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            // SentencePiece's own library, the reference of these kinds, reads no special tokens in a text.
            if ((kind is "sentencepiece" or "unigram") && text.Contains("</s>", StringComparison.Ordinal))
                continue;
            int[] expected = [.. entry.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32())];
            int[] actual = language.Vocabulary.Tokenize(text);
            if (!expected.SequenceEqual(actual))
                wrong.Add($"{JsonSerializer.Serialize(text)}: {string.Join(' ', actual)} instead of {string.Join(' ', expected)}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    // A language model of no worth, whose vocabulary is as long as any of the tokenizers'.
    private static void WriteModel(string path, int vocabularySize)
    {
        File.WriteAllText(
            Path.Combine(path, "config.json"),
            $$"""
            {"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_size":{{Width}},"intermediate_size":{{Inner}},"num_hidden_layers":1,
             "num_attention_heads":4,"num_key_value_heads":4,"vocab_size":{{vocabularySize}},"max_position_embeddings":512,"rms_norm_eps":1e-5,
             "bos_token_id":1,"eos_token_id":2}
            """
        );
        string block = "model.layers.0.";
        (string Name, int[] Shape)[] tensors =
        [
            ("model.embed_tokens.weight", [vocabularySize, Width]),
            ("model.norm.weight", [Width]),
            ("lm_head.weight", [vocabularySize, Width]),
            (block + "self_attn.q_proj.weight", [Width, Width]),
            (block + "self_attn.k_proj.weight", [Width, Width]),
            (block + "self_attn.v_proj.weight", [Width, Width]),
            (block + "self_attn.o_proj.weight", [Width, Width]),
            (block + "input_layernorm.weight", [Width]),
            (block + "post_attention_layernorm.weight", [Width]),
            (block + "mlp.gate_proj.weight", [Inner, Width]),
            (block + "mlp.up_proj.weight", [Inner, Width]),
            (block + "mlp.down_proj.weight", [Width, Inner]),
        ];
        var header = new StringBuilder("{");
        int offset = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            int end = offset + 2 * shape.Aggregate(1, static (product, length) => product * length);
            header.Append($"{(offset == 0 ? "" : ",")}\"{name}\":{{\"dtype\":\"F16\",\"shape\":[{string.Join(',', shape)}]");
            header.Append($",\"data_offsets\":[{offset},{end}]}}");
            offset = end;
        }

        byte[] text = Encoding.UTF8.GetBytes(header.Append('}').ToString()),
            file = new byte[8 + text.Length + offset];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        File.WriteAllBytes(Path.Combine(path, "model.safetensors"), file);
    }
}
