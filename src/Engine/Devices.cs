using Tessera.Compute;

namespace Tessera;

/// <summary>The devices of this machine.</summary>
public static class Devices
{
    /// <summary>Lists the devices that can compute, the CPU among them.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static IReadOnlyList<DeviceDescription> List() => ComputeDevice.List();
}
