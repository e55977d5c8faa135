using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Gpu;

/// <summary>Loading both halves of a model at once onto a GPU that no one has opened yet.</summary>
public sealed class GpuLoadTests
{
    private const int LoadCount = 50;

    // Two programs at a time, so that they share the GPU as well.
    [GpuFact]
    public async Task Fifty_loads_lead_to_the_same_answer()
    {
        string[] arguments = CliRun.GoldenArguments("-i", Goldens.Picture("small"), "What is it?", "--max-tokens", "2", "--threads", "1");
        var answers = new HashSet<string>();
        for (int load = 0; load < LoadCount; load += 2)
        {
            foreach (CliRun run in await Task.WhenAll(CliProcess.RunAsync(arguments), CliProcess.RunAsync(arguments)))
            {
                Assert.True(run.ExitCode == 0, $"Load {load} ended with {run.ExitCode}: {run.Error}");
                answers.Add(run.Out);
            }
        }

        Assert.Single(answers);
    }
}
