using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Text.Graph;

/// <summary>The keys of a language model's file, which say its dimensions; what cannot be costs a sentence.</summary>
internal sealed class LanguageKeys(GgufFile file, string architecture)
{
    private const int MostBlocks = 512;
    private const int LargestWidth = 1 << 20;

    public string Path => file.Path;

    public int BlockCount => Count("block_count", MostBlocks);

    public int Width => Count("embedding_length", LargestWidth);

    public int FeedForwardWidth => Count("feed_forward_length", LargestWidth);

    public int HeadCount => Count("attention.head_count", LargestWidth);

    public int KeyHeadCount => Has("attention.head_count_kv") ? Count("attention.head_count_kv", LargestWidth) : HeadCount;

    public int HeadWidth => Has("attention.key_length") ? Count("attention.key_length", LargestWidth) : Width / HeadCount;

    public int TrainedLength => Has("context_length") ? Count("context_length", int.MaxValue) : 0;

    public float RmsEpsilon => Epsilon("attention.layer_norm_rms_epsilon");

    public float LayerEpsilon => Epsilon("attention.layer_norm_epsilon");

    /// <summary>Rows of a tensor [width, rows] or of a longer one's last dimension.</summary>
    /// <exception cref="ModelFileException">It is missing.</exception>
    public int RowsOf(string tensor) =>
        file.TryGetTensor(tensor, out GgufTensor? found)
            ? checked((int)found.Shape[^1])
            : throw new ModelFileException(file.Path, $"tensor '{tensor}' is missing.");

    public bool Has(string key) => file.Metadata.ContainsKey($"{architecture}.{key}");

    public bool HasTensor(string name) => file.TryGetTensor(name, out _);

    /// <summary>A number of at least 1.</summary>
    public int Count(string key, int most)
    {
        uint value = file.Metadata.RequireUInt32($"{architecture}.{key}");
        return value > 0 && value <= (uint)most ? (int)value : throw Wrong(key, value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A block's number; 0 where the file does not say.</summary>
    public int Index(string key)
    {
        if (!Has(key))
            return 0;
        uint value = file.Metadata.RequireUInt32($"{architecture}.{key}");
        return value < MostBlocks ? (int)value : throw Wrong(key, value.ToString(CultureInfo.InvariantCulture));
    }

    public float Number(string key, float standard) =>
        file.Metadata.TryGetSingle($"{architecture}.{key}", out float value)
            ? float.IsFinite(value) && value > 0
                ? value
                : throw Wrong(key, value.ToString(CultureInfo.InvariantCulture))
            : standard;

    public bool Flag(string key, bool standard) => file.Metadata.TryGetBoolean($"{architecture}.{key}", out bool value) ? value : standard;

    public int[] Numbers(string key) => file.Metadata.RequireInt32Array($"{architecture}.{key}");

    /// <summary>What divides into whole parts.</summary>
    /// <exception cref="ModelFileException">It does not.</exception>
    public void RequireMultiple(string key, int value, string of, int divisor)
    {
        if (value % divisor != 0)
            throw new ModelFileException(file.Path, $"{architecture}.{key} is {value}, no multiple of {architecture}.{of}, {divisor}.");
    }

    public ModelFileException Wrong(string key, string value) =>
        new(file.Path, $"{architecture}.{key} is {value}, which no model of the architecture has.");

    private float Epsilon(string key)
    {
        float value = file.Metadata.RequireSingle($"{architecture}.{key}");
        return value is >= 0 and < 1 ? value : throw Wrong(key, value.ToString(CultureInfo.InvariantCulture));
    }
}
