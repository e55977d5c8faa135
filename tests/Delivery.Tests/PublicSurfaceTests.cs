using Tessera.Delivery.Tests.Support;

namespace Tessera.Delivery.Tests;

/// <summary>What programs may rely on does not change unseen.</summary>
public sealed class PublicSurfaceTests
{
    private const string AcceptVariable = "TESSERA_ACCEPT_API";

    [Theory]
    [InlineData("Tessera.Gguf")]
    [InlineData("Tessera.Checkpoints")]
    [InlineData("Tessera.Engine")]
    [InlineData("Tessera.Shared")]
    [InlineData("Tessera.ChatTemplates")]
    [InlineData("Tessera.Grammars")]
    [InlineData("Tessera.Annotation")]
    [InlineData("Tessera.Extensions.AI")]
    [InlineData("Tessera.LLamaSharp")]
    public void The_public_surface_is_as_its_file_says(string assembly)
    {
        string file = RepositoryRoot.Path("docs", "api", $"{assembly}.txt");
        string actual = PublicSurface.Of(Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll"));
        if (Environment.GetEnvironmentVariable(AcceptVariable) is { Length: > 0 })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
        }

        string expected = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        string[] added = [.. actual.Split('\n').Except(expected.Split('\n'))],
            removed = [.. expected.Split('\n').Except(actual.Split('\n'))];
        Assert.True(
            actual == expected,
            $"The public surface of {assembly} changed; if that is meant, run the test with {AcceptVariable}=1 and commit "
                + $"docs/api/{assembly}.txt.\n"
                + string.Concat(added.Select(static line => $"added   {line}\n"))
                + string.Concat(removed.Select(static line => $"removed {line}\n"))
        );
    }
}
