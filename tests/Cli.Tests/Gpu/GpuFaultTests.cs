using System.Diagnostics;
using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Gpu;

/// <summary>A GPU that is lost or short of memory: <c>faulty-vulkan.c</c> makes Vulkan's such.</summary>
public sealed class GpuFaultTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [FaultyGpuFact]
    public async Task A_GPU_lost_at_any_point_is_one_sentence()
    {
        string[] arguments = CliRun.GoldenArguments("-i", Goldens.Picture("small"), "What is it?", "--max-tokens", "8", "--threads", "1");
        bool wasLost = false,
            wasWhole = false;
        for (int submits = 1; !wasWhole && submits < 2000; submits = submits * 2 + 1)
        {
            CliRun run = await RunAsync(arguments, ("FAULTY_VULKAN_SUBMITS", submits));
            wasWhole = run.ExitCode == 0;
            if (wasWhole)
                continue;
            Assert.Equal(1, run.ExitCode);
            Assert.Matches(@"^tessera: [^\n]*the GPU was lost[^\n]*\.\n$", run.Error);
            wasLost = true;
        }

        Assert.True(wasLost && wasWhole);
    }

    // The first question loses the GPU, and the program is still there for the second.
    [FaultyGpuFact]
    public async Task A_conversation_outlives_its_GPU()
    {
        string[] arguments =
        [
            "chat",
            "-m",
            Goldens.Language,
            "--mmproj",
            Goldens.Projector,
            "--max-tokens",
            "64",
            "--temperature",
            "0",
            "--threads",
            "1",
        ];
        CliRun run = await RunAsync(arguments, "What is it?\nAnd that?\n/stats\n"u8.ToArray(), ("FAULTY_VULKAN_SUBMITS", 40));
        Assert.Equal(2, run.Error.Split("GPU was lost").Length - 1);
        Assert.Equal(0, run.ExitCode);
    }

    [FaultyGpuFact]
    public async Task What_does_not_fit_runs_on_the_CPU_unless_the_GPU_was_asked_for()
    {
        string[] arguments = CliRun.GoldenArguments("-i", Goldens.Picture("small"), "What is it?", "--max-tokens", "2", "--threads", "1");
        CliRun onProcessor = await CliProcess.RunAsync([.. arguments, "--gpu-layers", "0", "--vision-device", "cpu"]);
        CliRun fallen = await RunAsync(arguments, ("FAULTY_VULKAN_MEMORY", 100_000));
        Assert.True(fallen.ExitCode == 0, fallen.Error);
        Assert.Equal(onProcessor.Out, fallen.Out);
        (await RunAsync([.. arguments, "--vision-device", GpuFactAttribute.Name], ("FAULTY_VULKAN_MEMORY", 100_000))).ShouldFail(
            1,
            Goldens.Projector,
            "memory"
        );
        // ggml's own line about the memory comes before ours.
        CliRun asked = await RunAsync([.. arguments, "--vision-device", "cpu", "--gpu-layers", "99"], ("FAULTY_VULKAN_MEMORY", 100_000));
        Assert.Equal(1, asked.ExitCode);
        Assert.Matches(@"\ntessera: [^\n]*language-f16\.gguf[^\n]*\.\n$", "\n" + asked.Error);
    }

    private Task<CliRun> RunAsync(string[] arguments, (string Name, int Value) fault) => RunAsync(arguments, [], fault);

    private async Task<CliRun> RunAsync(string[] arguments, byte[] input, (string Name, int Value) fault)
    {
        string value = fault.Value.ToString(CultureInfo.InvariantCulture);
        return await CliProcess.RunAsync(arguments, input, ("LD_PRELOAD", await FaultyVulkanAsync()), (fault.Name, value));
    }

    private async Task<string> FaultyVulkanAsync()
    {
        string library = folder.File("faulty-vulkan.so"),
            source = Goldens.RepositoryPath("tests", "Cli.Tests", "Gpu", "faulty-vulkan.c");
        if (File.Exists(library))
            return library;
        using Process compiler = Process.Start("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
        await compiler.WaitForExitAsync();
        Assert.Equal(0, compiler.ExitCode);
        return library;
    }
}

/// <summary>A test that needs a Vulkan device, and a C compiler to make it fail.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FaultyGpuFactAttribute : FactAttribute
{
    public FaultyGpuFactAttribute()
    {
        Skip = new GpuFactAttribute().Skip;
        if (Skip is not null)
            return;
        if (!OperatingSystem.IsLinux() || !InstalledTools.Have("gcc"))
            Skip = "Faults are made with gcc and LD_PRELOAD.";
        else if (!GpuFactAttribute.Name.StartsWith("Vulkan", StringComparison.Ordinal))
            Skip = "Faults are made for Vulkan.";
    }
}
