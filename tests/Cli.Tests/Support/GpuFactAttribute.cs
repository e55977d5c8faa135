namespace Tessera.Cli.Tests.Support;

/// <summary>A test that needs a GPU and natives that can use it; <c>tests/gpu.sh</c> runs these.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GpuFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Missing = new(WhatIsMissing);

    public GpuFactAttribute() => Skip = Missing.Value;

    /// <summary>The first GPU's name, as <c>tessera devices</c> lists it.</summary>
    public static string Name => Devices.List().First(static device => device.Kind == DeviceKind.Gpu).Name;

    private static string? WhatIsMissing()
    {
        try
        {
            return Devices.List().Any(static device => device.Kind == DeviceKind.Gpu) ? null : "The natives find no GPU; see tests/gpu.sh.";
        }
        catch (TesseraException failure)
        {
            return failure.Message;
        }
    }
}
