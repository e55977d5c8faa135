using Tessera.Delivery.Tests.Support;
using Tessera.Native;

namespace Tessera.Delivery.Tests;

/// <summary>The packages, as built with this test, work where nothing of the repository is.</summary>
public sealed class PackageTests : IDisposable
{
    private static readonly string Version = typeof(MultimodalModel).Assembly.GetName().Version!.ToString(3);

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-packages-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_fresh_project_and_the_tool_answer_from_the_packages_alone()
    {
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        string feed = folder.CreateSubdirectory("feed").FullName;
        await DotnetCommand.RunAsync(
            "dotnet",
            RepositoryRoot.Path(),
            "pack",
            "--no-build",
            "--configuration",
            configuration,
            "--output",
            feed
        );
        string[] packages =
        [
            "Tessera.Annotation",
            "Tessera.ChatTemplates",
            "Tessera.Checkpoints",
            "Tessera.Cli",
            "Tessera.Engine",
            "Tessera.Extensions.AI",
            "Tessera.Gguf",
            "Tessera.Grammars",
            "Tessera.LLamaSharp",
            "Tessera.Shared",
        ];
        Assert.Equal(
            packages.Select(static name => $"{name}.{Version}.nupkg").Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(feed).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );

        WriteProject(feed);
        Assert.Contains(
            "star",
            await DotnetCommand.RunAsync(
                "dotnet",
                folder.FullName,
                "run",
                "--project",
                "Fresh.csproj",
                "--",
                Tiny.Model,
                Tiny.Projector,
                Tiny.Picture
            ),
            StringComparison.OrdinalIgnoreCase
        );

        await DotnetCommand.RunAsync(
            "dotnet",
            folder.FullName,
            "tool",
            "install",
            "Tessera.Cli",
            "--tool-path",
            "tools",
            "--version",
            Version
        );
        Assert.Single(Directory.EnumerateFiles(Path.Combine(folder.FullName, "tools"), "llama.cpp.txt", SearchOption.AllDirectories));
        string tool = Path.Combine(folder.FullName, "tools", OperatingSystem.IsWindows() ? "tessera.exe" : "tessera");
        Assert.Contains(
            "star",
            await DotnetCommand.RunAsync(
                tool,
                folder.FullName,
                "ask",
                "--temperature",
                "0",
                "-i",
                Tiny.Picture,
                "What is in this picture?"
            ),
            StringComparison.OrdinalIgnoreCase
        );
    }

    // Others' packages come from where the build of this test put them, so nothing is fetched.
    private void WriteProject(string feed)
    {
        string others =
            Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        Write(
            "NuGet.Config",
            $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{Path.Combine(folder.FullName, "packages")}" /></config>
              <packageSources><clear /><add key="tessera" value="{feed}" /><add key="others" value="{others}" /></packageSources>
            </configuration>
            """
        );
        Write(
            "Fresh.csproj",
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable></PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Tessera.Extensions.AI" Version="{Version}" />
                <PackageReference Include="LLamaSharp.Backend.Cpu" Version="0.30.0" />
                <PackageReference Include="NetVips.Native.{NativeFolders.PortableRid()}" Version="8.18.7" />
              </ItemGroup>
            </Project>
            """
        );
        Write(
            "Program.cs",
            """
            using Microsoft.Extensions.AI;
            using Tessera;

            await using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = args[0], ProjectorPath = args[1] });
            using IChatClient client = model.AsIChatClient();
            var picture = new DataContent(File.ReadAllBytes(args[2]), "image/png");
            Console.WriteLine(await client.GetResponseAsync([new ChatMessage(ChatRole.User, [picture, new TextContent("What is in this picture?")])], new ChatOptions { Temperature = 0 }));
            """
        );
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(folder.FullName, name), text);
}
