using System.Globalization;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Compute;

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

/// <summary>The backends that vision graphs run on: a GPU where there is one, and always the CPU.</summary>
internal sealed unsafe class ComputeDevice : IDisposable
{
    private readonly BackendHandle? gpu;
    private readonly BackendHandle cpu;
    private readonly nint gpuDevice;
    private readonly nint cpuDevice;

    private ComputeDevice(int threadCount, bool useGpu)
    {
        ThreadCount = threadCount;
        cpuDevice = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU);
        cpu = OpenBackend(cpuDevice);
        SetThreads(threadCount);
        gpuDevice = useGpu ? FindGpu() : 0;
        if (gpuDevice != 0) gpu = OpenBackend(gpuDevice);
    }

    /// <summary>Told the reason before native code ends the process.</summary>
    public static Action<string>? AbortHandler
    {
        get => NativeLog.AbortHandler;
        set => NativeLog.AbortHandler = value;
    }

    public int ThreadCount { get; }

    /// <summary>The device that weights are placed on.</summary>
    public nint MainDevice => gpuDevice != 0 ? gpuDevice : cpuDevice;

    /// <summary>Whether weights are placed on the CPU.</summary>
    public bool IsProcessor => gpuDevice == 0;

    public BackendHandle CpuBackend => cpu;

    /// <summary>The backends in order of preference, the CPU last.</summary>
    public nint[] Backends => gpu is null ? [cpu.Pointer] : [gpu.Pointer, cpu.Pointer];

    /// <summary>Opens the devices.</summary>
    /// <param name="threadCount">CPU threads; 0 takes one for each processor.</param>
    /// <param name="useGpu">Whether to place weights on a GPU if there is one.</param>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static ComputeDevice Open(int threadCount = 0, bool useGpu = true)
    {
        NativeRuntime.Start();
        return new ComputeDevice(threadCount > 0 ? threadCount : Environment.ProcessorCount, useGpu);
    }

    /// <summary>All devices of this machine.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static IReadOnlyList<DeviceDescription> List()
    {
        NativeRuntime.Start();
        var devices = new List<DeviceDescription>();
        for (nuint index = 0; index < GgmlBackend.ggml_backend_dev_count(); index++)
            devices.Add(Describe(GgmlBackend.ggml_backend_dev_get(index)));
        return devices;
    }

    /// <summary>
    /// The buffer types a matrix may live in, best first: those that repack it for this processor's matrix units (AMX, KleidiAI,
    /// CPU_REPACK), then the device's own.
    /// </summary>
    public IReadOnlyList<nint> BufferTypes()
    {
        var types = new List<nint>();
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(GgmlBackend.ggml_backend_dev_backend_reg(MainDevice), "ggml_backend_dev_get_extra_bufts");
        if (function != 0)
        {
            nint* extra = ((delegate* unmanaged[Cdecl]<nint, nint*>)function)(MainDevice);
            for (; extra != null && *extra != 0; extra++) types.Add(*extra);
        }

        types.Add(GgmlBackend.ggml_backend_dev_buffer_type(MainDevice));
        return types;
    }

    /// <summary>Memory of the main device that is free now, in bytes.</summary>
    public long FreeBytes()
    {
        // On Linux ggml calls all of a processor's memory free.
        if (gpuDevice == 0 && OperatingSystem.IsLinux() && File.ReadLines("/proc/meminfo").FirstOrDefault(static line => line.StartsWith("MemAvailable:", StringComparison.Ordinal)) is string line)
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
        return Describe(MainDevice).FreeBytes;
    }

    public void Dispose()
    {
        gpu?.Dispose();
        cpu.Dispose();
    }

    private static DeviceDescription Describe(nint device)
    {
        GgmlBackend.ggml_backend_dev_memory(device, out nuint free, out nuint total);
        DeviceKind kind = GgmlBackend.ggml_backend_dev_type(device) switch
        {
            ggml_backend_dev_type.CPU => DeviceKind.Cpu,
            ggml_backend_dev_type.ACCEL => DeviceKind.Accelerator,
            _ => DeviceKind.Gpu,
        };
        return new DeviceDescription(Text(GgmlBackend.ggml_backend_dev_name(device)), Text(GgmlBackend.ggml_backend_dev_description(device)), kind, (long)free, (long)total);
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static nint FindGpu()
    {
        nint discrete = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.GPU);
        return discrete != 0 ? discrete : GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.IGPU);
    }

    private static BackendHandle OpenBackend(nint device)
    {
        NativeLog.ForgetErrors();
        var backend = new BackendHandle(GgmlBackend.ggml_backend_dev_init(device, null));
        return backend.IsInvalid
            ? throw new NativeLibraryException($"The device {Text(GgmlBackend.ggml_backend_dev_name(device))} could not be opened ({NativeLog.TakeErrors()}).")
            : backend;
    }

    private void SetThreads(int count)
    {
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(GgmlBackend.ggml_backend_dev_backend_reg(cpuDevice), "ggml_backend_set_n_threads");
        if (function != 0) ((delegate* unmanaged[Cdecl]<nint, int, void>)function)(cpu.Pointer, count);
    }
}
