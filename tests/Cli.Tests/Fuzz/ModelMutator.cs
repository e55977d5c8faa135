using Tessera.Cli.Tests.Support;
using Tessera.Gguf;

namespace Tessera.Cli.Tests.Fuzz;

/// <summary>
/// Makes GGUF files that are sound as files but whose metadata or tensors do not make sense, which gets further into llama.cpp than
/// damaged bytes do. The same seed gives the same file.
/// </summary>
internal sealed class ModelMutator(string original)
{
    private static readonly string[] ExtraKeys =
    [
        "llama.expert_count", "llama.expert_used_count", "llama.expert_group_count", "llama.attention.key_length", "llama.attention.value_length",
        "llama.rope.scaling.type", "llama.rope.scaling.factor", "llama.rope.scaling.original_context_length", "llama.attention.sliding_window",
        "llama.pooling_type", "llama.attention.causal", "llama.nextn_predict_layers", "llama.embedding_length_out", "llama.vocab_size",
        "llama.attention.scale", "llama.logit_scale", "llama.residual_scale", "llama.embedding_scale", "llama.tensor_data_layout",
        "tokenizer.ggml.padding_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.precompiled_charsmap", "tokenizer.ggml.add_space_prefix",
        "tokenizer.ggml.token_type_count", "tokenizer.ggml.scores", "tokenizer.ggml.merges", "tokenizer.chat_template", "split.count", "split.no",
        "general.type", "general.alignment", "general.quantization_version", "clip.vision.feature_layer", "clip.use_silu",
        "clip.vision.image_aspect_ratio", "clip.vision.image_grid_pinpoints", "clip.vision.preproc_min_tiles", "clip.vision.preproc_max_tiles",
        "clip.vision.projector.scale_factor", "clip.vision.projector.token_order",
    ];

    private static readonly string[] Texts =
    [
        "", "x", "llama", "gpt2", "bert", "t5", "rwkv", "none", "no_vocab", "plamo2", "test", "gemma4", "linear", "yarn", "longrope", "default", "llama-bpe",
        "qwen2", "clip", "mamba", "falcon", "gemma3n", "whisper", "mlp", "ldp", "\0", "{{ bos_token }}", "▁", "<0x41>", "<0x>", new string('a', 100_000),
    ];

    private static readonly GgufTensorType[] TensorTypes =
    [
        GgufTensorType.F32, GgufTensorType.F16, GgufTensorType.BF16, GgufTensorType.Q8_0, GgufTensorType.Q4_0, GgufTensorType.I8, GgufTensorType.I32,
        GgufTensorType.F64, GgufTensorType.Q4_K, GgufTensorType.IQ2_XXS, GgufTensorType.TQ1_0, GgufTensorType.MXFP4,
    ];

    private EditableModel model = new();
    private Random random = new(0);

    private List<KeyValuePair<string, GgufValue>> Metadata => model.Metadata;

    private List<EditableTensor> Tensors => model.Tensors;

    /// <summary>Writes the mutant of a seed; false if the changes cannot be written as a file.</summary>
    public bool TryWrite(string path, int seed)
    {
        random = new Random(seed);
        model = EditableModel.Read(original);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            if (random.Next(3) == 0) ChangeTensor();
            else ChangeMetadata();
        }

        try
        {
            model.Save(path);
            return true;
        }
        catch (Exception refused) when (refused is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    private void ChangeMetadata()
    {
        int index = random.Next(Metadata.Count);
        (string key, GgufValue value) = Metadata[index];
        switch (random.Next(6))
        {
            case 0: Metadata.RemoveAt(index); break;
            case 1: Metadata.Add(new(ExtraKey(), AnyValue())); break;
            case 2: Metadata[index] = new(key, AnyValue()); break;
            default: Metadata[index] = new(key, Changed(value)); break;
        }
    }

    private GgufValue Changed(GgufValue value)
    {
        if (value.TryGet(out uint number)) return GgufValue.From(ChangedNumber(number));
        if (value.TryGet(out float real)) return GgufValue.From(AnyReal(real));
        if (value.TryGet(out bool truth)) return GgufValue.From(!truth);
        if (value.TryGet(out string? _)) return GgufValue.From(Pick(Texts));
        if (value.TryGetArray(out ReadOnlyMemory<string> texts)) return GgufValue.FromArray<string>(ChangedArray(texts.ToArray(), _ => Pick(Texts)));
        if (value.TryGetArray(out ReadOnlyMemory<int> numbers)) return GgufValue.FromArray<int>(ChangedArray(numbers.ToArray(), old => random.Next(4) == 0 ? (int)ChangedNumber((uint)old) : random.Next(8)));
        if (value.TryGetArray(out ReadOnlyMemory<float> reals)) return GgufValue.FromArray<float>(ChangedArray(reals.ToArray(), AnyReal));
        return AnyValue();
    }

    private T[] ChangedArray<T>(T[] array, Func<T, T> change)
    {
        if (array.Length == 0) return array;
        int index = random.Next(array.Length);
        switch (random.Next(6))
        {
            case 0: return array[..index];
            case 1: return [.. array, .. array[index..]];
            case 2: array[index] = array[random.Next(array.Length)]; return array;
            case 3: for (int i = index; i < array.Length; i++) array[i] = change(array[i]); return array;
            default: array[index] = change(array[index]); return array;
        }
    }

    private GgufValue AnyValue() => random.Next(8) switch
    {
        0 => GgufValue.From(Pick(Texts)),
        1 => GgufValue.From(AnyReal(1)),
        2 => GgufValue.From(random.Next(2) == 0),
        3 => GgufValue.From((long)random.Next(-2, 3)),
        4 => GgufValue.FromArray<uint>([.. Enumerable.Range(0, random.Next(5)).Select(_ => ChangedNumber(4))]),
        5 => GgufValue.FromArray<string>([.. Enumerable.Range(0, random.Next(3)).Select(_ => Pick(Texts))]),
        6 => GgufValue.FromArray<float>([.. Enumerable.Range(0, random.Next(5)).Select(_ => AnyReal(1))]),
        _ => GgufValue.From(ChangedNumber((uint)random.Next(100))),
    };

    private uint ChangedNumber(uint old) => random.Next(14) switch
    {
        0 => 0, 1 => 1, 2 => 2, 3 => 3, 4 => old + 1, 5 => old - 1, 6 => old * 2, 7 => old / 2, 8 => 255, 9 => 4096, 10 => 1u << 20,
        11 => int.MaxValue, 12 => 1u << 31, _ => uint.MaxValue,
    };

    private float AnyReal(float old) => Pick([0, -1, float.NaN, float.PositiveInfinity, 1e-38f, 1e38f, old * 2, -old]);

    private void ChangeTensor()
    {
        int index = random.Next(Tensors.Count);
        var tensor = Tensors[index];
        switch (random.Next(6))
        {
            case 0: Tensors.RemoveAt(index); break;
            case 1: Tensors[index] = tensor with { Name = random.Next(2) == 0 ? tensor.Name + "x" : Tensors[random.Next(Tensors.Count)].Name.Replace(".0.", ".1.", StringComparison.Ordinal) }; break;
            case 2: Tensors[index] = tensor with { Type = Pick(TensorTypes) }; break;
            case 3: Tensors[index] = tensor with { Shape = Tensors[random.Next(Tensors.Count)].Shape }; break;
            case 4: Tensors[index] = tensor with { Shape = [.. tensor.Shape.Reverse()] }; break;
            default:
                int dimension = random.Next(tensor.Shape.Length);
                Tensors[index] = tensor with { Shape = tensor.Shape.SetItem(dimension, Pick([1, tensor.Shape[dimension] + 1, tensor.Shape[dimension] * 2, Math.Max(1, tensor.Shape[dimension] / 2)])) };
                break;
        }
    }

    // The keys of the model's own architecture, whatever it is.
    private string ExtraKey()
    {
        string architecture = Metadata.FirstOrDefault(static entry => entry.Key == "general.architecture").Value is GgufValue value && value.TryGet(out string? name) && name is { Length: > 0 and < 100 } ? name : "llama";
        return Pick(ExtraKeys).Replace("llama.", $"{architecture}.", StringComparison.Ordinal);
    }

    private T Pick<T>(T[] values) => values[random.Next(values.Length)];
}
