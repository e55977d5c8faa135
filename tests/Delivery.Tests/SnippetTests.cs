using System.Reflection;
using Tessera.Delivery.Tests.Support;
using Tessera.Native;

namespace Tessera.Delivery.Tests;

/// <summary>The C# in the documentation compiles without warnings, runs with the embedded model, and leaves no native handle.</summary>
public sealed class SnippetTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-snippets-");

    public static TheoryData<string> Pages => [.. SnippetPage.All];

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_snippet_of_a_page_runs(string page)
    {
        var given = new Dictionary<string, string>
        {
            ["model"] = Tiny.Model,
            ["mmproj"] = Tiny.Projector,
            ["picture"] = Tiny.Picture,
            ["folder"] = folder.FullName,
        };
        foreach (Snippet snippet in SnippetPage.Read(page))
            await RunAsync($"{page}, line {snippet.Line}", snippet.Code, given, snippet.IsRun);
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("src/Gguf/PACKAGE.md")]
    [InlineData("src/Engine/PACKAGE.md")]
    [InlineData("src/Extensions.AI/PACKAGE.md")]
    public async Task The_snippets_of_a_front_page_run_as_one_program(string page)
    {
        const string Scene = """
            internal sealed record Scene(bool HasSign);

            [System.Text.Json.Serialization.JsonSerializable(typeof(Scene))]
            internal sealed partial class SceneJson : System.Text.Json.Serialization.JsonSerializerContext;
            """;
        File.Copy(Tiny.Model, Path.Combine(folder.FullName, "llava-v1.5-7b-Q4_K.gguf"));
        File.Copy(Tiny.Projector, Path.Combine(folder.FullName, "mmproj-f16.gguf"));
        foreach (string photo in (string[])["cat.jpg", "street.jpg"])
            File.Copy(RepositoryRoot.Path("tests", "goldens", "imaging", "codec", "rgb-444.jpg"), Path.Combine(folder.FullName, photo));
        string before = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(folder.FullName);
        try
        {
            await RunAsync(page, SnippetCompiler.Joined(SnippetPage.Read(page)), new Dictionary<string, string>(), isRun: true, Scene);
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }
    }

    private static async Task RunAsync(string place, string code, Dictionary<string, string> given, bool isRun, string? declarations = null)
    {
        int before = OwnedHandle.LiveCount;
        try
        {
            MethodInfo entry = SnippetCompiler.Compile(code, given, declarations);
            if (!isRun)
                return;
            (int exitCode, string output, _) = await ProgramRun.RunAsync(entry);
            Assert.Equal(0, exitCode);
            if (code.Contains("Console.Write", StringComparison.Ordinal))
                Assert.NotEqual("", output.Trim());
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"{place}: {failure.Message}", failure);
        }

        Assert.Equal((place, before), (place, OwnedHandle.LiveCount));
    }
}
