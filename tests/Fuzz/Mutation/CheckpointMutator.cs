using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tessera.Fuzz.Mutation;

/// <summary>Makes hostile copies of a checkpoint's files: settings, tokenizers, tables of tensors and pickles.</summary>
internal static class CheckpointMutator
{
    private static readonly JsonMutator Settings = new(
        [
            "architectures",
            "model_type",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "vocab_size",
            "intermediate_size",
            "rms_norm_eps",
            "rope_theta",
            "rope_scaling",
            "rope_type",
            "factor",
            "short_factor",
            "long_factor",
            "torch_dtype",
            "max_position_embeddings",
            "sliding_window",
            "tie_word_embeddings",
            "text_config",
            "vision_config",
            "llm_config",
            "image_grid_pinpoints",
            "mm_vision_tower",
            "weight_map",
            "metadata",
            "dtype",
            "shape",
            "data_offsets",
            "added_tokens",
            "model",
            "vocab",
            "merges",
            "pre_tokenizer",
            "type",
            "id",
            "content",
            "special",
            "bos_token",
            "eos_token",
            "chat_template",
            "partial_rotary_factor",
            "layer_types",
            "image_size",
            "patch_size",
        ],
        [
            "",
            "LlamaForCausalLM",
            "Qwen2ForCausalLM",
            "LlavaForConditionalGeneration",
            "T5ForConditionalGeneration",
            "llama",
            "BPE",
            "Unigram",
            "WordPiece",
            "F32",
            "F16",
            "BF16",
            "F64",
            "I64",
            "U8",
            "F8_E4M3",
            "x",
            "../../etc/passwd",
            "/etc/passwd",
            "model.safetensors",
            "linear",
            "yarn",
            "llama3",
            "longrope",
            "\u001B[2J",
            "\uD800",
            "a\0b",
            "<s>",
            "</s>",
            "<0x41>",
            "<image>",
            "model.layers.0.self_attn.q_proj.weight",
            "lm_head.weight",
        ]
    );

    /// <summary>A hostile copy of one file.</summary>
    /// <param name="name">The file's name, which tells its format.</param>
    /// <param name="file">Its bytes.</param>
    /// <param name="random">Decides.</param>
    public static byte[] Make(string name, byte[] file, Random random)
    {
        if (random.OneIn(8))
            return Damage.Copy(file, random, 4096);
        return Path.GetExtension(name) switch
        {
            ".json" => ChangedJson(file, random),
            ".safetensors" => ChangedTable(file, random),
            ".bin" => ChangedArchive(file, random),
            _ => Damage.Copy(file, random),
        };
    }

    private static byte[] ChangedJson(byte[] file, Random random)
    {
        try
        {
            return Settings.Make(JsonNode.Parse(file) ?? new JsonObject(), random);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException or InvalidOperationException)
        {
            return Damage.Copy(file, random);
        }
    }

    // The length of the table, the table, the tensors (huggingface/safetensors, README).
    private static byte[] ChangedTable(byte[] file, Random random)
    {
        int length = (int)Math.Min((ulong)file.Length - 8, BinaryPrimitives.ReadUInt64LittleEndian(file));
        byte[] table = ChangedJson(file[8..(8 + length)], random);
        ulong claimed = random.OneIn(20) ? random.Number((ulong)table.Length) : (ulong)table.Length;
        byte[] tensors = random.OneIn(10) ? Damage.Copy(file.AsSpan(8 + length), random) : file[(8 + length)..];
        return [.. BitConverter.GetBytes(claimed), .. table, .. tensors];
    }

    // A ZIP archive of a pickle and the tensors it speaks of.
    private static byte[] ChangedArchive(byte[] file, Random random)
    {
        using var changed = new MemoryStream();
        using (var from = new ZipArchive(new MemoryStream(file)))
        using (var to = new ZipArchive(changed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (ZipArchiveEntry entry in from.Entries)
            {
                if (random.OneIn(60))
                    continue;
                using var bytes = new MemoryStream();
                using (Stream stream = entry.Open())
                    stream.CopyTo(bytes);
                bool isPickle = entry.Name.EndsWith(".pkl", StringComparison.Ordinal);
                byte[] content = isPickle || random.OneIn(30) ? Damage.Copy(bytes.ToArray(), random) : bytes.ToArray();
                ZipArchiveEntry copy = to.CreateEntry(
                    entry.FullName,
                    random.OneIn(60) ? CompressionLevel.Fastest : CompressionLevel.NoCompression
                );
                copy.LastWriteTime = DateTimeOffset.UnixEpoch.AddYears(20);
                using Stream target = copy.Open();
                target.Write(content);
            }
        }

        return changed.ToArray();
    }
}
