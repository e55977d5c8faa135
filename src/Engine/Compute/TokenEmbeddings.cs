using Tessera.Gguf;

namespace Tessera.Compute;

/// <summary>
/// The token embeddings of a language model's file, looked up as its graph does (<c>ggml_get_rows</c>: a row is dequantized to float32),
/// so that tokens can stand beside pictures in one batch.
/// </summary>
internal sealed class TokenEmbeddings : IDisposable
{
    private const string Name = "token_embd.weight";

    // Architectures whose graph takes a looked-up row as it is (ggml-org/llama.cpp v0.5.0, src/models/*.cpp and build_inp_embd);
    // Gemma, for one, scales tokens but not embeddings.
    private static readonly string[] Architectures = ["llama", "qwen2", "qwen3", "qwen35", "phi3", "internlm2"];
    private readonly GgufFile file;
    private readonly GgufTensor tensor;
    private readonly int rowByteLength;

    private TokenEmbeddings(GgufFile file, GgufTensor tensor)
    {
        this.file = file;
        this.tensor = tensor;
        rowByteLength = checked((int)(tensor.ByteLength / tensor.Shape[1]));
    }

    /// <summary>Opens the embeddings; null where the architecture does more than look up, or the file (split, say) does not hold them.</summary>
    public static TokenEmbeddings? Open(string path, int width)
    {
        GgufFile file = GgufFile.Open(path);
        bool usable = file.Metadata.TryGetString("general.architecture", out string? architecture) && Architectures.Contains(architecture)
            && !file.Metadata.TryGetSingle($"{architecture}.embedding_scale", out _);
        if (usable && file.TryGetTensor(Name, out GgufTensor? tensor) && tensor.Shape.Length == 2 && tensor.Shape[0] == width && ElementConversion.IsConvertible(tensor.Type)) return new TokenEmbeddings(file, tensor);
        file.Dispose();
        return null;
    }

    /// <summary>Writes the embedding [width] of a token.</summary>
    public void LookUp(int token, Span<float> row) =>
        ElementConversion.ToFloat(tensor.Type, file.GetTensorData(tensor, (long)token * rowByteLength, rowByteLength), row);

    public void Dispose() => file.Dispose();
}
