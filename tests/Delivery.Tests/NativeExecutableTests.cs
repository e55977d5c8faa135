using Tessera.Cli.Tests.Support;
using Tessera.Delivery.Tests.Support;

namespace Tessera.Delivery.Tests;

/// <summary>The program compiled ahead of time, for this processor.</summary>
public sealed class NativeExecutableTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-native-");

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    public void Dispose() => folder.Delete(recursive: true);

    [FactWithLinker]
    public async Task It_needs_no_runtime_and_sees_what_the_other_one_sees()
    {
        string published = Path.Combine(folder.FullName, "publish");
        await DotnetCommand.RunAsync(
            "dotnet",
            RepositoryRoot.Path(),
            "publish",
            "src/Cli",
            "-p:PublishAot=true",
            "-p:RunAnalyzersDuringBuild=false",
            "--artifacts-path",
            Path.Combine(folder.FullName, "artifacts"),
            "--output",
            published
        );
        Assert.Equal(["tessera"], Directory.EnumerateFiles(published).Select(Path.GetFileName));

        string program = Path.Combine(published, "tessera");
        Assert.Contains("Usage:", await DotnetCommand.RunAsync(program, folder.FullName, "--help"), StringComparison.Ordinal);
        Assert.Equal(
            "This is a yellow star and a purple diamond.\n",
            await DotnetCommand.RunAsync(
                program,
                folder.FullName,
                "ask",
                "--temperature",
                "0",
                "-i",
                Tiny.Picture,
                "What is in this picture?"
            )
        );
        // Unpickling looks methods up by their names, which the native compiler must keep.
        string checkpoint = RepositoryRoot.Path("tests", "goldens", "checkpoints", "llama-pytorch");
        Assert.Contains(
            "\"tensors\":21",
            await DotnetCommand.RunAsync(program, folder.FullName, "convert", checkpoint, "--out", folder.FullName, "--json"),
            StringComparison.Ordinal
        );
        Assert.Equal(
            await EncodeAsync(Path.Combine(RepositoryRoot.Path("src", "Cli", "bin", Configuration, "net10.0"), "tessera")),
            await EncodeAsync(program)
        );
    }

    private async Task<byte[]> EncodeAsync(string program)
    {
        string embeddings = Path.Combine(folder.FullName, "embeddings.npy");
        await DotnetCommand.RunAsync(program, folder.FullName, "encode", Tiny.Picture, "--out", embeddings);
        return await File.ReadAllBytesAsync(embeddings);
    }
}

/// <summary>A fact that needs what links native programs on Linux.</summary>
internal sealed class FactWithLinkerAttribute : FactAttribute
{
    public FactWithLinkerAttribute()
    {
        bool isThere = OperatingSystem.IsLinux() && (InstalledTools.Have("clang") || InstalledTools.Have("gcc"));
        if (!isThere)
            Skip = "There is neither clang nor gcc.";
    }
}
