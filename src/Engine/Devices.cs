using Tessera.Compute;

namespace Tessera;

/// <summary>The devices of this machine.</summary>
public static class Devices
{
    /// <summary>Lists the devices that can compute, the CPU among them.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static IReadOnlyList<DeviceDescription> List() =>
        [
            .. ComputeDevice
                .List()
                .Select(static device => new DeviceDescription(
                    device.Name,
                    device.Description,
                    KindOf(device.Type),
                    device.FreeBytes,
                    device.TotalBytes
                )),
        ];

    /// <summary>
    /// Which of Tessera's own kernels have computed in this process so far, such as <c>products: AVX-512 VNNI, int8</c>; what none of them
    /// does, ggml's do.
    /// </summary>
    public static IReadOnlyList<string> KernelsUsed() => ComputeDevice.KernelsUsed;

    private static DeviceKind KindOf(ComputeDeviceType type) =>
        type switch
        {
            ComputeDeviceType.Cpu => DeviceKind.Cpu,
            ComputeDeviceType.Gpu => DeviceKind.Gpu,
            _ => DeviceKind.Accelerator,
        };
}

/// <summary>What kind of processor a device is.</summary>
public enum DeviceKind
{
    /// <summary>The central processor, with its own kernels.</summary>
    Cpu,

    /// <summary>A graphics processor, discrete or integrated.</summary>
    Gpu,

    /// <summary>An accelerator that works together with the CPU.</summary>
    Accelerator,
}

/// <summary>A device that can compute.</summary>
/// <param name="Name">ggml's name for it, such as <c>CPU</c> or <c>CUDA0</c>.</param>
/// <param name="Description">The product's name.</param>
/// <param name="Kind">What kind of processor it is.</param>
/// <param name="FreeBytes">Memory that is free now, in bytes.</param>
/// <param name="TotalBytes">Memory in all, in bytes.</param>
public sealed record DeviceDescription(string Name, string Description, DeviceKind Kind, long FreeBytes, long TotalBytes);
