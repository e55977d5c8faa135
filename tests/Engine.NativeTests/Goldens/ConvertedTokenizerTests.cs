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
    public Task Hard_texts_become_the_references_tokens(string kind)
    {
        string checkpoint = Copy(Path.Combine("tokenizers", kind));
        WriteModel(checkpoint, 512);
        return AssertTokensAsync(checkpoint, kind);
    }

    // A whole checkpoint whose tokenizer is one of those above, in another form.
    [Theory]
    [InlineData("chatglm", "glm")]
    [InlineData("qwen2-slow", "qwen2")]
    public Task Other_forms_of_a_tokenizer_give_the_same_tokens(string checkpoint, string kind) =>
        AssertTokensAsync(Copy(checkpoint), kind);

    [Fact]
    public Task Ranks_of_byte_sequences_give_the_same_tokens()
    {
        string checkpoint = Copy("chatglm"),
            file = Path.Combine(checkpoint, "tokenizer.json");
        JsonElement tokenizer = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
        HashSet<int> added =
        [
            .. tokenizer.GetProperty("added_tokens").EnumerateArray().Select(static token => token.GetProperty("id").GetInt32()),
        ];
        File.WriteAllLines(
            Path.Combine(checkpoint, "tokenizer.model"),
            tokenizer
                .GetProperty("model")
                .GetProperty("vocab")
                .EnumerateObject()
                .Where(entry => !added.Contains(entry.Value.GetInt32()))
                .Select(static entry => $"{Convert.ToBase64String(BytesOf(entry.Name))} {entry.Value.GetInt32()}")
        );
        File.Delete(file);
        return AssertTokensAsync(checkpoint, "glm");
    }

    // GPT-2's letters for the 256 bytes (openai/gpt-2, src/encoder.py).
    private static byte[] BytesOf(string letters)
    {
        int[] plain = [.. Enumerable.Range(33, 94), .. Enumerable.Range(161, 12), .. Enumerable.Range(174, 82)];
        int[] others = [.. Enumerable.Range(0, 256).Except(plain)];
        return [.. letters.Select(letter => (byte)(letter < 256 ? letter : others[letter - 256]))];
    }

    private string Copy(string name)
    {
        string source = RepositoryRoot.Path("tests", "goldens", "checkpoints", name),
            target = Path.Combine(folder.FullName, Path.GetFileName(name));
        Directory.CreateDirectory(target);
        foreach (string file in Directory.EnumerateFiles(source))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        return target;
    }

    private async Task AssertTokensAsync(string checkpoint, string kind)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            checkpoint,
            new ConversionOptions { OutputFolder = folder.FullName }
        );
        await converter.ConvertAsync();
        using LanguageModel language = LanguageModel.Load(converter.Model.Path, 0, null, default);
        var wrong = new List<string>();
        string expectations = RepositoryRoot.Path("tests", "goldens", "checkpoints", "tokenizers", kind, "ids.json");
        foreach (JsonElement entry in JsonDocument.Parse(File.ReadAllText(expectations)).RootElement.EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            // SentencePiece's own library, the reference of these kinds, reads no special tokens in a text.
            if ((kind is "sentencepiece" or "unigram") && text.Contains("</s>", StringComparison.Ordinal))
                continue;
            int[] expected = [.. entry.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32())];
            // Broken UTF-8 reads here as it does in the reference: a sign for each stretch that is no letter.
            if (entry.TryGetProperty("bytes", out JsonElement raw))
                Assert.Equal(text, Encoding.UTF8.GetString(Convert.FromHexString(raw.GetString()!)));
            // And so does half of a letter, which a text of .NET can hold.
            foreach (string form in (string[])[text, text.Replace('\ufffd', '\ud800')])
                if (!expected.SequenceEqual(language.Vocabulary.Tokenize(form)))
                    wrong.Add(
                        $"{JsonSerializer.Serialize(text)}: {string.Join(' ', language.Vocabulary.Tokenize(form))} "
                            + $"instead of {string.Join(' ', expected)}"
                    );
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
