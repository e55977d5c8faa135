using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Gpu;

/// <summary>What runs where: the vision tower and the layers of the language model, on a GPU and on the CPU.</summary>
public sealed class GpuPlacementTests
{
    private static readonly string[] Question = CliRun.GoldenArguments(
        "-i",
        Goldens.Picture("small"),
        "What is it?",
        "--max-tokens",
        "8",
        "--threads",
        "1"
    );

    [GpuFact]
    public async Task Every_placement_answers_alike()
    {
        string gpu = GpuFactAttribute.Name;
        var answers = new HashSet<string>();
        foreach ((string device, int layers) in ((string, int)[])[("cpu", 0), ("cpu", -1), (gpu, 0), (gpu, 1), (gpu, 2), (gpu, -1)])
        {
            CliRun run = await CliProcess.RunAsync([
                .. Question,
                "--vision-device",
                device,
                "--gpu-layers",
                layers.ToString(CultureInfo.InvariantCulture),
            ]);
            Assert.True(run.ExitCode == 0, $"{device} and {layers} layers: {run.Error}");
            answers.Add(run.Out);
        }

        Assert.Single(answers);
    }

    [GpuFact]
    public async Task Devices_are_listed_under_the_names_that_are_taken()
    {
        CliRun list = await CliProcess.RunAsync("devices", "--json");
        Assert.Equal(0, list.ExitCode);
        Assert.Contains(
            list.Json.EnumerateArray(),
            static device =>
                device.GetProperty("name").GetString() == GpuFactAttribute.Name
                && device.GetProperty("kind").GetString() == "gpu"
                && device.GetProperty("total_bytes").GetInt64() >= device.GetProperty("free_bytes").GetInt64()
                && device.GetProperty("free_bytes").GetInt64() > 0
        );
    }

    [Fact]
    public async Task A_device_that_there_is_not_is_named_with_those_that_there_are() =>
        (await CliProcess.RunAsync([.. Question, "--vision-device", "CUDA7"])).ShouldFail(1, "CUDA7", "CPU");
}
