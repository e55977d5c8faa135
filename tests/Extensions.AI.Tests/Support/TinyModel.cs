using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>The small trained model that comes with Tessera, and its pictures.</summary>
internal static class TinyModel
{
    public static ModelOptions Options { get; } = new()
    {
        ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
        ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
    };

    public static ChatOptions Greedy => new() { Temperature = 0, MaxOutputTokens = 40 };

    public static DataContent Picture(string sample) => new(File.ReadAllBytes(RepositoryRoot.Path("samples", sample)), "image/png");

    public static ChatMessage Question(string sample, string text = "What is in this picture?") => new(ChatRole.User, [Picture(sample), new TextContent(text)]);
}
