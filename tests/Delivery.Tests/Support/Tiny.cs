namespace Tessera.Delivery.Tests.Support;

/// <summary>The small trained model that comes with Tessera, and a picture.</summary>
internal static class Tiny
{
    public static string Model { get; } = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf");

    public static string Projector { get; } = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf");

    public static string Picture { get; } = RepositoryRoot.Path("samples", "shapes.png");
}
