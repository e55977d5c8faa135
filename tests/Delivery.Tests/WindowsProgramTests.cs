using Tessera.Delivery.Tests.Support;

namespace Tessera.Delivery.Tests;

/// <summary>The program that is published for Windows from here, under Wine: it sees what the one for this system sees.</summary>
public sealed class WindowsProgramTests : IDisposable
{
    private const string Question = "What is in this picture?",
        Answer = "This is a yellow star and a purple diamond.";

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-windows-");

    public void Dispose()
    {
        try
        {
            folder.Delete(recursive: true);
        }
        catch (IOException)
        {
            // Wine's server holds its prefix for a few seconds after the last program.
        }
    }

    [FactWithWine]
    public async Task It_answers_looks_encodes_and_chats()
    {
        string published = Path.Combine(folder.FullName, "publish");
        await DotnetCommand.RunAsync(
            "dotnet",
            RepositoryRoot.Path(),
            "publish",
            "src/Cli",
            "-r",
            "win-x64",
            "--self-contained",
            "-p:RunAnalyzersDuringBuild=false",
            "--artifacts-path",
            Path.Combine(folder.FullName, "artifacts"),
            "--output",
            published
        );
        string natives = Path.Combine(published, "runtimes", "win-x64", "native");
        Assert.Equal(["win-x64"], Directory.EnumerateDirectories(Path.Combine(published, "runtimes")).Select(Path.GetFileName));
        await WineProgram.AddForwarderAsync(folder.FullName, published, natives);
        var tessera = new WineProgram(Path.Combine(published, "tessera.exe"), folder.FullName);

        await tessera.StartAsync();

        Assert.Equal((0, $"{Answer}\n", ""), await tessera.RunAsync("", null, "ask", "--temperature", "0", "-i", Tiny.Picture, Question));
        // Paths as Windows has them, with text that no code page of its has.
        string odd = Path.Combine(folder.FullName, "Bücher 図.png");
        File.Copy(Tiny.Picture, odd);
        Assert.Equal(
            (0, $"{Answer}\n", ""),
            await tessera.RunAsync(Question, null, "ask", "--temperature", "0", "-i", $@"\\?\Z:{odd.Replace('/', '\\')}", "-")
        );
        (int exitCode, string output, string _) = await tessera.RunAsync(
            $"\"Z:{odd.Replace('/', '\\')}\" {Question}\n",
            null,
            "chat",
            "--temperature",
            "0"
        );
        Assert.Equal(0, exitCode);
        Assert.Contains("star", output, StringComparison.Ordinal);

        await CheckNewcomersWaysAsync(tessera);

        (exitCode, output, string error) = await tessera.RunAsync("", null, "look", Tiny.Picture, "--save", "slices.png");
        Assert.True(exitCode == 0, error);
        Assert.Contains("overview", output, StringComparison.Ordinal);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(Path.Combine(folder.FullName, "slices.png"))[..4]);

        (exitCode, _, error) = await tessera.RunAsync("", null, "ask", "-i", "no-such.png", Question);
        Assert.Equal((1, 1), (exitCode, error.Count(static character => character == '\n')));
        await CompareEmbeddingsAsync(tessera, natives);
    }

    // What people type who have read nothing: paths with blanks, addresses of files, settings, wrong names.
    private async Task CheckNewcomersWaysAsync(WineProgram tessera)
    {
        string blank = Path.Combine(folder.FullName, "my picture (1).png"),
            typed = $"Z:{blank.Replace('/', '\\')}";
        File.Copy(Tiny.Picture, blank);
        string[] lines = [$"{typed} {Question}", "Z:\\no\\such picture.png what?", "/foo", "/params foo", "/image *.webp"];
        (int exitCode, string output, string error) = await tessera.RunAsync(
            string.Concat(lines.Select(static line => line + "\n")),
            null,
            "chat",
            "--temperature",
            "0"
        );
        Assert.Equal((1, $"{Answer}\n"), (exitCode, output));
        string[] said = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, said.Length);
        Assert.Equal("tessera: Z:\\no\\such picture.png: there is no such file.", said[1]);
        Assert.Equal("tessera: There is no command /foo; /help lists them.", said[2]);

        (exitCode, output, error) = await tessera.RunAsync("", null, "look", new Uri($"file:///Z:{blank}").AbsoluteUri, "--save", "x.jpg");
        Assert.True(exitCode == 0, error);
        Assert.Equal([0xFF, 0xD8], File.ReadAllBytes(Path.Combine(folder.FullName, "x.jpg"))[..2]);
        (exitCode, output, _) = await tessera.RunAsync("", null, "look", "gone.png", "--json");
        Assert.Equal(1, exitCode);
        Assert.Contains("\"kind\":\"image\"", output, StringComparison.Ordinal);
        (exitCode, output, error) = await tessera.RunAsync("", null, "encode", blank, "--out", "-");
        Assert.True(exitCode == 0, error);
        Assert.Contains("NUMPY", output, StringComparison.Ordinal);

        Directory.CreateDirectory(Path.Combine(folder.FullName, "tessera"));
        string settings = Path.Combine(folder.FullName, "tessera", "config.json");
        File.WriteAllText(settings, """{"model": "tiny-next"}""");
        (exitCode, output, error) = await tessera.RunAsync("", null, "look", blank);
        Assert.True(exitCode == 0, error);
        Assert.Contains("LLaVA-NeXT", output, StringComparison.Ordinal);
        File.Delete(settings);
    }

    // Byte for byte, with the libraries that are built alike for both systems.
    private async Task CompareEmbeddingsAsync(WineProgram tessera, string natives)
    {
        (int exitCode, _, string error) = await tessera.RunAsync(
            "",
            $"Z:{Path.Combine(natives, "avx2")}",
            "encode",
            Tiny.Picture,
            "--threads",
            "1",
            "--out",
            "windows.npy"
        );
        Assert.True(exitCode == 0, error);
        string own = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "avx2");
        string program = RepositoryRoot.Path(
            "src",
            "Cli",
            "bin",
            new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name,
            "net10.0",
            "tessera"
        );
        await DotnetCommand.RunAsync(
            "env",
            folder.FullName,
            $"TESSERA_NATIVE={own}",
            "DOTNET_EnableAVX512F=0",
            program,
            "encode",
            Tiny.Picture,
            "--threads",
            "1",
            "--out",
            "linux.npy"
        );
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(folder.FullName, "linux.npy")),
            File.ReadAllBytes(Path.Combine(folder.FullName, "windows.npy"))
        );
    }
}
