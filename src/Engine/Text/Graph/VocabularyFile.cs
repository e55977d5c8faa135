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

    private static void Write(GgufFile file, string path)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", KnownArchitecture);
        foreach ((string key, GgufValue value) in file.Metadata)
            if (key.StartsWith("tokenizer.", StringComparison.Ordinal))
                writer.AddMetadata(key, value);
        writer.AddTensor("none", GgufTensorType.F32, [1], new byte[sizeof(float)]);
        writer.Save(path);
    }
}
