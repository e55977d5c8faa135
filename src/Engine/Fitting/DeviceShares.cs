using Tessera.Compute;
using Tessera.Text.Llama;
using Tessera.Vision.Encoding;

namespace Tessera.Fitting;

/// <summary>Divides a plan among the devices.</summary>
internal static class DeviceShares
{
    private const string Processor = "CPU";

    /// <summary>What each device takes, the processor first.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="language">The language model's part of it.</param>
    /// <param name="tower">The vision tower's part, if there is one.</param>
    /// <param name="gpuShare">How much of the language model's weights, and of its layers, GPUs hold.</param>
    public static IReadOnlyList<DeviceMemory> Of(
        MemoryPlan plan,
        LanguageMemory language,
        TowerMemory? tower,
        (double Weights, double Layers) gpuShare
    )
    {
        DeviceDescription[] gpus = [.. Devices.List().Where(static device => device.Kind == DeviceKind.Gpu)];
        var bytes = new Dictionary<string, long>(StringComparer.Ordinal) { [Processor] = plan.ProgramBytes + plan.ImageBytes };
        // libllama divides layers among several GPUs by their free memory.
        double allFree = Math.Max(1, gpus.Sum(static gpu => (double)gpu.FreeBytes));
        long onGpus = (long)((plan.WeightBytes * gpuShare.Weights) + (plan.CacheBytes * gpuShare.Layers));
        Add(Processor, plan.WeightBytes + plan.CacheBytes - onGpus);
        foreach (DeviceDescription gpu in gpus)
            Add(gpu.Name, (long)(onGpus * (gpu.FreeBytes / allFree)));
        foreach ((string device, long count) in language.ComputeBytes)
            Add(device, count);
        if (tower is not null)
            Add(tower.Device, tower.WeightBytes + tower.GraphBytes);
        return
        [
            .. bytes
                .Where(static pair => pair.Value > 0)
                .Select(pair => new DeviceMemory(
                    pair.Key,
                    pair.Value,
                    gpus.FirstOrDefault(gpu => gpu.Name == pair.Key)?.FreeBytes ?? MachineMemory.Usable()
                )),
        ];

        // Memory of the host that a GPU reaches, and kernels of the processor's own, are the processor's.
        void Add(string device, long count)
        {
            string name = gpus.Any(gpu => gpu.Name == device) ? device : Processor;
            bytes[name] = bytes.GetValueOrDefault(name) + count;
        }
    }
}
