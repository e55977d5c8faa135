using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Text.Graph;

/// <summary>
/// The vocabulary of a file whose architecture libllama does not know: what the file says of its tokens is written to a file of an
/// architecture that it does, which it reads no further than that.
/// </summary>
internal static class VocabularyFile
{
    private const string KnownArchitecture = "llama";

    /// <summary>Loads it.</summary>
    /// <exception cref="ModelFileException">libllama cannot read it.</exception>
    public static unsafe LlamaModelHandle Load(GgufFile file)
    {
        NativeRuntime.Start();
        Check(file);
        string path = Path.Combine(Path.GetTempPath(), $"tessera-{Guid.NewGuid():N}.gguf");
        try
        {
            Write(file, path);
            NativeLog.ForgetErrors();
            nint none = 0;
            llama_model_params parameters = LlamaEdition.ModelDefaults();
            parameters.devices = &none;
            parameters.n_gpu_layers = 0;
            parameters.vocab_only = 1;
            var handle = new LlamaModelHandle(LlamaEdition.LoadModel(path, parameters));
            return handle.IsInvalid
                ? throw new ModelFileException(
                    file.Path,
                    $"llama.cpp cannot read its vocabulary ({NativeLog.TakeErrors().Replace(path, file.Path, StringComparison.Ordinal)})."
                )
                : handle;
        }
        finally
        {
            File.Delete(path);
        }
    }

    // libllama takes these arrays' types and lengths for granted (v0.5.0: src/llama-vocab.cpp).
    private static void Check(GgufFile file)
    {
        const string Prefix = "tokenizer.ggml.";
        GgufMetadata metadata = file.Metadata;
        int count = metadata.TryGetStringArray(Prefix + "tokens", out string[]? tokens) ? tokens.Length : 0;
        Require("merges", metadata.TryGetStringArray(Prefix + "merges", out _));
        Require("scores", metadata.TryGetSingleArray(Prefix + "scores", out float[]? scores) && scores.Length == count);
        Require("token_type", metadata.TryGetInt32Array(Prefix + "token_type", out int[]? types) && types.Length == count);
        if (!file.TryGetTensor("token_embd.weight", out GgufTensor? embeddings) || embeddings.Shape[^1] < count)
            throw new ModelFileException(file.Path, $"tensor 'token_embd.weight' holds no row for each of its {count} tokens.");

        void Require(string key, bool isRight)
        {
            if (!isRight && metadata.ContainsKey(Prefix + key))
                throw new ModelFileException(file.Path, $"{Prefix}{key} is not what {count} tokens need.");
        }
    }

    // libllama reads these as numbers of 32 bits, whatever they are.
    private static GgufValue AsRead(GgufFile file, string key, GgufValue value) =>
        key switch
        {
            "tokenizer.ggml.scores" => GgufValue.FromArray<float>(file.Metadata.RequireSingleArray(key)),
            "tokenizer.ggml.token_type" => GgufValue.FromArray<int>(file.Metadata.RequireInt32Array(key)),
            _ => value,
        };

    private static void Write(GgufFile file, string path)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", KnownArchitecture);
        foreach ((string key, GgufValue value) in file.Metadata)
            if (key.StartsWith("tokenizer.", StringComparison.Ordinal))
                writer.AddMetadata(key, AsRead(file, key, value));
        writer.AddTensor("none", GgufTensorType.F32, [1], new byte[sizeof(float)]);
        writer.Save(path);
    }
}
