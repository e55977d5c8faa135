using System.Text.Json;
using Tessera.Delivery.Tests.Support;

namespace Tessera.Delivery.Tests;

/// <summary>What a program published for each platform has beside it, file by file, wherever it is published.</summary>
public sealed class NativeLayoutTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-layout-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("linux-x64", "noavx/ avx/ avx2/ avx512/", "libggml-base.so libggml-cpu.so libggml.so libllama.so", "libvips.so.42")]
    [InlineData("win-x64", "noavx/ avx/ avx2/ avx512/", "ggml-base.dll ggml-cpu.dll ggml.dll llama.dll", "libvips-42.dll")]
    [InlineData("linux-arm64", "", "libggml-base.so libggml-cpu.so libggml.so libllama.so", "libvips.so.42")]
    [InlineData("win-arm64", "", "ggml-base.dll ggml-cpu.dll ggml.dll llama.dll", "libvips-42.dll")]
    [InlineData(
        "osx-arm64",
        "",
        "libggml-base.dylib libggml-blas.dylib libggml-cpu.dylib libggml-metal.dylib libggml.dylib libllama.dylib",
        "libvips.42.dylib"
    )]
    public async Task A_platform_gets_its_own_libraries_and_no_others(string rid, string levels, string llama, string vips)
    {
        string[] common =
        [
            "src/Engine/Engine.csproj",
            $"-p:NativeRid={rid}",
            $"-p:ArtifactsPath={folder.FullName}",
            "-p:UseArtifactsOutput=true",
        ];
        await DotnetCommand.RunAsync("dotnet", RepositoryRoot.Path(), ["restore", .. common]);
        string items = await DotnetCommand.RunAsync(
            "dotnet",
            RepositoryRoot.Path(),
            ["msbuild", .. common, "-target:LayOutNatives", "-getItem:None"]
        );
        using JsonDocument found = JsonDocument.Parse(items);
        string root = $"runtimes/{rid}/native/";
        JsonElement[] copied = [.. found.RootElement.GetProperty("Items").GetProperty("None").EnumerateArray().Where(IsCopied)];
        Assert.All(copied, static item => Assert.True(File.Exists(item.GetProperty("FullPath").GetString()), item.ToString()));
        IEnumerable<string> laidOut = copied
            .Select(static item => item.GetProperty("Link").GetString()!.Replace('\\', '/'))
            .Where(static link => link.StartsWith("runtimes/", StringComparison.Ordinal));
        IEnumerable<string> libraries = levels
            .Split(' ')
            .SelectMany(level => llama.Split(' ').Select(file => root + level + file))
            .Append(root + vips);
        Assert.Equal(libraries.Order(StringComparer.Ordinal), laidOut.Order(StringComparer.Ordinal));
    }

    private static bool IsCopied(JsonElement item) =>
        item.TryGetProperty("CopyToOutputDirectory", out JsonElement copied) && copied.GetString() == "PreserveNewest";
}
