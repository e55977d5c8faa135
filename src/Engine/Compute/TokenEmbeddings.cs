using Tessera.Gguf;

namespace Tessera.Compute;

/// <summary>
/// The token embeddings of a language model's file, looked up as its graph does (<c>ggml_get_rows</c>: a row is dequantized to float32),
/// so that tokens can stand beside pictures in one batch.
/// </summary>
internal sealed class TokenEmbeddings
{
    private const string Name = "token_embd.weight";

    // Architectures whose graph takes a looked-up row as it is (ggml-org/llama.cpp v0.5.0, src/models/*.cpp and build_inp_embd);
    // Gemma, for one, scales tokens but not embeddings.
    private static readonly string[] Architectures =
    [
        "llama",
        "qwen2",
        "qwen2vl",
        "qwen3",
        "qwen35",
        "phi3",
        "internlm2",
        "t5",
        "opt",
        "cogvlm",
        "mplug_owl2",
        "cambrian",
    ];
    private readonly GgufFile file;
    private readonly GgufTensor tensor;
    private readonly Action requireUnchanged;
    private readonly byte[] stored;

    private TokenEmbeddings(GgufFile file, GgufTensor tensor, Action requireUnchanged)
    {
        this.file = file;
        this.tensor = tensor;
        this.requireUnchanged = requireUnchanged;
        stored = new byte[checked((int)(tensor.ByteLength / tensor.Shape[1]))];
    }

    /// <summary>Finds the embeddings; null where the architecture does more than look up, or the file (split, say) does not hold
    /// them.</summary>
    /// <param name="file">The file, which must stay open as long as they are used.</param>
    /// <param name="width">Width of an embedding.</param>
    /// <param name="requireUnchanged">Fails when the file is no longer what was loaded.</param>
    public static TokenEmbeddings? Find(GgufFile file, int width, Action requireUnchanged)
    {
        bool usable =
            file.Metadata.TryGetString("general.architecture", out string? architecture)
            && Architectures.Contains(architecture)
            && !file.Metadata.TryGetSingle($"{architecture}.embedding_scale", out _);
        bool isThere = file.TryGetTensor(Name, out GgufTensor? tensor) && tensor.Shape.Length == 2 && tensor.Shape[0] == width;
        return usable && isThere && ElementConversion.IsConvertible(tensor!.Type)
            ? new TokenEmbeddings(file, tensor, requireUnchanged)
            : null;
    }

    /// <summary>Writes the embedding [width] of a token, and zeros behind it where a row is wider. For one thread at a time.</summary>
    /// <exception cref="ModelFileException">The file cannot be read any more, or is another.</exception>
    public void LookUp(int token, Span<float> row)
    {
        requireUnchanged();
        file.ReadTensorData(tensor, (long)token * stored.Length, stored);
        int width = (int)tensor.Shape[0];
        ElementConversion.ToFloat(tensor.Type, stored, row[..width]);
        row[width..].Clear();
    }
}
