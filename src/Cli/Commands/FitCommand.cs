using System.CommandLine;
using System.Globalization;
using Tessera.Cli.Arguments;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera fit</c>: the memory that a model takes, and what of it this machine holds.</summary>
internal sealed class FitCommand(CliConsole console)
{
    private static readonly int[] Lengths = [4096, 8192, 16384, 32768, 65536];
    private readonly Argument<string> model = new("MODEL") { Description = "A GGUF file or a name." };
    private readonly Option<string?> projector = new("--mmproj")
    {
        Description = "The vision projector's file; found beside the model if there is just one.",
        HelpName = "FILE",
    };
    private readonly Option<int?> context = OptionValues.OptionalNumber(
        "--context",
        "Tokens of context; without it, as 'ask' takes.",
        16,
        int.MaxValue
    );
    private readonly Option<CacheType> cacheType = OptionValues.Choice<CacheType>("--cache-type", "How the KV cache stores its values.");
    private readonly Option<int?> gpuLayers = OptionValues.OptionalNumber(
        "--gpu-layers",
        "Layers on the GPU; without it, all that fit.",
        -1,
        int.MaxValue
    );
    private readonly Option<string> picture = new("--picture")
    {
        Description = "The size of a picture to answer about.",
        HelpName = "WxH",
        DefaultValueFactory = static _ => "1920x1080",
    };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document." };

    public static Command Create(CliConsole console)
    {
        var fit = new FitCommand(console);
        var command = new ExampleCommand(
            "fit",
            "Tell how much memory a model takes, before it is loaded.",
            "tessera fit minicpm-v-2.6 --context 8192 --picture 1920x1080"
        );
        command.Add(fit.model);
        foreach (Option option in (Option[])[fit.projector, fit.context, fit.cacheType, fit.gpuLayers, fit.picture, fit.json])
            command.Add(option);
        command.SetAction(fit.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        PixelSize size = ParseSize(parsed.GetRequiredValue(picture));
        (string path, string? vision) = ModelCatalog.Resolve(parsed.GetRequiredValue(model), parsed.GetValue(projector), needsVision: true);
        NativeAbort.Blame(console, path);
        var options = new ModelOptions
        {
            ModelPath = path,
            ProjectorPath = vision,
            ContextLength = parsed.GetValue(context) ?? 0,
            CacheType = parsed.GetValue(cacheType),
            GpuLayerCount = parsed.GetValue(gpuLayers) ?? -1,
            Trial = ModelCatalog.ComesWithTessera(path) ? null : console.Trial,
        };
        MemoryPlan plan = await MemoryPlan.ForAsync(options, size, cancellationToken);
        var others = new List<MemoryPlan>();
        foreach (CacheType type in Enum.GetValues<CacheType>())
        foreach (int length in Lengths.Where(length => plan.TrainedContextLength == 0 || length <= plan.TrainedContextLength))
            others.Add(await MemoryPlan.ForAsync(options with { ContextLength = length, CacheType = type }, size, cancellationToken));
        if (parsed.GetValue(json))
            CliJson.Write(console.Out, new FitDocument(Document(plan), [.. others.Select(Document)]));
        else
            Print(plan, others);
        return ExitCode.Success;
    }

    private static PixelSize ParseSize(string text)
    {
        string[] parts = text.Split('x', 'X');
        return
            parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            && width is > 0 and <= 100_000
            && height is > 0 and <= 100_000
            ? new PixelSize(width, height)
            : throw new UsageException($"--picture is '{text}', which is no size such as 1920x1080.");
    }

    private void Print(MemoryPlan plan, List<MemoryPlan> others)
    {
        foreach (
            (string what, long bytes) in ((string, long)[])
                [
                    ("weights", plan.WeightBytes),
                    ($"KV cache, {plan.ContextLength} tokens, {plan.CacheType}", plan.CacheBytes),
                    ("compute buffers", plan.ComputeBytes),
                    ("vision weights", plan.VisionWeightBytes),
                    ("vision buffers", plan.VisionComputeBytes),
                    ("picture", plan.ImageBytes),
                    ("program", plan.ProgramBytes),
                    ("in all", plan.TotalBytes),
                ]
        )
            console.Out.WriteLine($"{what, -34}{ByteText.Of(bytes), 10}");
        foreach (DeviceMemory device in plan.Devices)
            console.Out.WriteLine(
                $"{device.Device}: {ByteText.Of(device.Bytes)} of {ByteText.Of(device.FreeBytes)} free: "
                    + (device.Fits ? "fits" : "does not fit")
            );
        if (!plan.Fits)
            console.Out.WriteLine(
                plan.LargestContextLength > 0
                    ? $"a context of {plan.LargestContextLength} tokens would fit"
                    : "take a shorter context or a smaller quantization"
            );
        foreach (MemoryPlan other in others)
            console.Out.WriteLine(
                $"{other.ContextLength, 8} tokens, {other.CacheType, -5}{ByteText.Of(other.TotalBytes), 10}  {(other.Fits ? "fits" : "-")}"
            );
    }

    private static PlanDocument Document(MemoryPlan plan) =>
        new(
            plan.ContextLength,
            plan.CacheType.ToString(),
            plan.WeightBytes,
            plan.CacheBytes,
            plan.ComputeBytes,
            plan.VisionWeightBytes,
            plan.VisionComputeBytes,
            plan.ImageBytes,
            plan.ProgramBytes,
            plan.TotalBytes,
            plan.Fits,
            plan.LargestContextLength,
            [.. plan.Devices.Select(static device => new DeviceMemoryDocument(device.Device, device.Bytes, device.FreeBytes))]
        );
}
