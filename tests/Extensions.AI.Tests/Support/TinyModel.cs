using Microsoft.Extensions.AI;
using Tessera.Gguf;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>The small trained model that comes with Tessera, and its pictures.</summary>
internal static class TinyModel
{
    public static ModelOptions Options { get; } =
        new()
        {
            ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
            ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
        };

    public static ChatOptions Greedy => new() { Temperature = 0, MaxOutputTokens = 40 };

    public static DataContent Picture(string sample) => new(File.ReadAllBytes(RepositoryRoot.Path("samples", sample)), "image/png");

    public static ChatMessage Question(string sample, string text = "What is in this picture?") =>
        new(ChatRole.User, [Picture(sample), new TextContent(text)]);

    /// <summary>Writes the model with another chat template.</summary>
    public static void WriteWithTemplate(string path, string template)
    {
        using GgufFile original = GgufFile.Open(Options.ModelPath);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in original.Metadata.Where(static entry => entry.Key != "tokenizer.chat_template"))
            writer.AddMetadata(key, value);
        writer.AddMetadata("tokenizer.chat_template", GgufValue.From(template));
        foreach (GgufTensor tensor in original.Tensors)
        {
            byte[] data = original.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray();
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), stream => stream.Write(data));
        }

        writer.Save(path);
    }
}
