using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Tessera.Compute.Kernels;
using Tessera.Compute.Kernels.Attention;
using Tessera.Compute.Kernels.Products;
using Tessera.Compute.Threads;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A device as ggml describes it.</summary>
internal sealed record DeviceFacts(string Name, string Description, ComputeDeviceType Type, long FreeBytes, long TotalBytes);

/// <summary>What kind of processor a device is.</summary>
internal enum ComputeDeviceType
{
    Cpu,
    Gpu,
    Accelerator,
}

/// <summary>The backends that vision graphs run on: a GPU where there is one, and always the CPU.</summary>
internal sealed unsafe class ComputeDevice : IDisposable
{
    private readonly BackendHandle? gpu;
    private readonly BackendHandle? kernels;
    private readonly BackendHandle cpu;
    private readonly ThreadPools pools = new();
    private readonly nint gpuDevice;
    private readonly nint cpuDevice;
    private readonly bool isForLanguage;

    private ComputeDevice(int threadCount, nint gpuDevice, bool useKernels, int languageSizes)
    {
        isForLanguage = languageSizes > 0;
        cpuDevice = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU);
        cpu = OpenBackend(cpuDevice);
        this.gpuDevice = gpuDevice;
        // Where a GPU works, the time says nothing about the processor's threads.
        Threads = new WorkThreads(
            threadCount > 0 || gpuDevice == 0 ? threadCount : Environment.ProcessorCount,
            Math.Max(1, languageSizes),
            ProcessorLoad.OfMachine
        );
        if (gpuDevice != 0)
            gpu = OpenBackend(gpuDevice);
        else if (useKernels && KernelDevice.Register() != 0)
            kernels = OpenBackend(isForLanguage ? KernelDevice.Register() : KernelDevice.ForTowers);
        UseThreads(Threads.Most);
    }

    /// <summary>Told the reason before native code ends the process.</summary>
    public static Action<string>? AbortHandler
    {
        get => NativeLog.AbortHandler;
        set => NativeLog.AbortHandler = value;
    }

    /// <summary>Takes the native log of the whole process.</summary>
    public static ILogger Logger
    {
        get => NativeLog.Logger;
        set => NativeLog.Logger = value;
    }

    /// <summary>How many threads of the CPU graphs take.</summary>
    public WorkThreads Threads { get; }

    /// <summary>The device that weights are placed on.</summary>
    public nint MainDevice => gpuDevice != 0 ? gpuDevice : cpuDevice;

    /// <summary>ggml's name of the device that weights are placed on.</summary>
    public string Name => GpuDevices.NameOf(MainDevice);

    /// <summary>Whether weights are placed on the CPU.</summary>
    public bool IsProcessor => gpuDevice == 0;

    /// <summary>Whether attention sums values of half precision in single precision: ggml's own does not on the CPU.</summary>
    /// <param name="headWidth">Width of a head.</param>
    public bool SumsWidely(long headWidth) => !IsProcessor || (kernels is not null && AttentionShape.TakesValues(headWidth));

    /// <summary>Whether Tessera's own kernels multiply, with weights in plain memory.</summary>
    public bool HasProducts => kernels is not null && KernelDevice.HasProducts;

    /// <summary>Whether these may round both operands to bfloat16, and are fast at it.</summary>
    public bool HasHalves => HasProducts && (MatrixUnit.IsSupported || ProductForms.HasHalves);

    /// <summary>The backends in order of preference, the CPU last.</summary>
    public nint[] Backends =>
        gpu is not null ? [gpu.Pointer, cpu.Pointer]
        : kernels is not null ? [kernels.Pointer, cpu.Pointer]
        : [cpu.Pointer];

    /// <summary>Makes Tessera's own kernels known to the contexts of libllama that are made from now on.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static void RegisterKernels()
    {
        NativeRuntime.Start();
        KernelDevice.Register();
        // What others do while weights are loaded tells how many threads the first graph has room for.
        _ = ProcessorLoad.OfMachine;
    }

    /// <summary>Which of Tessera's own kernels have computed in this process, as people read them.</summary>
    public static IReadOnlyList<string> KernelsUsed => KernelUse.Names;

    /// <summary>Runs a call that makes a context of libllama, which chooses then what computes its attention.</summary>
    public static T WhileContextIsMade<T>(Func<T> call) => KernelDevice.WithoutFewQueries(call);

    /// <summary>Runs a call that computes with a language model that <see cref="TakesSteps"/> in libllama.</summary>
    public static T WithSteps<T>(Func<T> call) => KernelDevice.WithSteps(call);

    /// <summary>Whether Tessera's kernels compute single tokens of a language model; known after <see cref="RegisterKernels"/>.</summary>
    /// <param name="matrixTypes">The types of its layers' matrices.</param>
    public static bool TakesSteps(IReadOnlyCollection<GgufTensorType> matrixTypes) =>
        KernelDevice.IsSupported && matrixTypes.Count > 0 && matrixTypes.All(static type => FewRowsKernel.TakesType((ggml_type)(int)type));

    /// <summary>Whether ggml's CPU repacks a language model's matrices of a type for vectors; known after
    /// <see cref="RegisterKernels"/>.</summary>
    public static bool IsRepacked(GgufTensorType type, long columns) =>
        IsRepackingBest && columns % InterleavedWeights.Columns == 0 && InterleavedWeights.CanUnpack((ggml_type)(int)type);

    /// <summary>Whether a language model's matrices are best repacked as ggml likes them; known after
    /// <see cref="RegisterKernels"/>.</summary>
    public static bool IsRepackingBest => KernelDevice.IsRepackingBest(MatrixUnit.IsSupported, RepackedWeights.AreMade);

    /// <summary>Has this process leave no memory dump if it crashes, where that is not the system's own affair (Windows).</summary>
    public static void LeaveNoDump()
    {
        if (OperatingSystem.IsWindows())
            return;
        var none = default(SysResource.rlimit_t);
        _ = SysResource.setrlimit(SysResource.RLIMIT_CORE, &none);
    }

    /// <summary>Opens the devices.</summary>
    /// <param name="threadCount">CPU threads; 0 takes as many as pay.</param>
    /// <param name="gpu">The GPU to place weights on, from <see cref="FindGpu"/>; 0 for the CPU.</param>
    /// <param name="useKernels">Whether Tessera's own kernels compute what they can; else ggml's do.</param>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static ComputeDevice Open(int threadCount = 0, nint gpu = 0, bool useKernels = true)
    {
        NativeRuntime.Start();
        return new ComputeDevice(threadCount, gpu, useKernels, languageSizes: 0);
    }

    /// <summary>Opens the devices for a language model, whose steps of few rows are ggml's kernels', as libllama has it.</summary>
    /// <param name="threadCount">CPU threads; 0 takes as many as pay.</param>
    /// <param name="sizeCount">Sizes of steps that are told apart when threads are counted.</param>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static ComputeDevice OpenForLanguage(int threadCount, int sizeCount)
    {
        NativeRuntime.Start();
        return new ComputeDevice(threadCount, 0, useKernels: true, sizeCount);
    }

    /// <summary>The GPU of a name; 0 if that is the CPU's. Without a name, the first one that there is, and else 0.</summary>
    /// <exception cref="NativeLibraryException">There is no such device, or the native libraries cannot be used.</exception>
    public static nint FindGpu(string? name)
    {
        NativeRuntime.Start();
        nint cpu = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU);
        if (name is not null && name.Equals(GpuDevices.NameOf(cpu), StringComparison.OrdinalIgnoreCase))
            return 0;
        GpuDevices.Open();
        nint found = GpuDevices.Usable.FirstOrDefault(gpu =>
            name is null || name.Equals(GpuDevices.NameOf(gpu), StringComparison.OrdinalIgnoreCase)
        );
        if (found != 0 || name is null)
            return found;
        throw new NativeLibraryException(
            $"There is no device '{name}': there are {string.Join(", ", GpuDevices.Usable.Append(cpu).Select(GpuDevices.NameOf))}"
                + $"{(GpuCalls.Loss is { } loss ? $", as the GPU was lost ({loss})" : "")}."
        );
    }

    /// <summary>All devices of this machine.</summary>
    /// <exception cref="NativeLibraryException">The native libraries cannot be used.</exception>
    public static IReadOnlyList<DeviceFacts> List()
    {
        NativeRuntime.Start();
        var devices = new List<DeviceFacts>();
        for (nuint index = 0; index < GgmlBackend.ggml_backend_dev_count(); index++)
        {
            nint device = GgmlBackend.ggml_backend_dev_get(index);
            if (!KernelDevice.Is(device))
                devices.Add(Describe(device));
        }

        return devices;
    }

    /// <summary>
    /// The buffer types a matrix may live in, best first: those that repack it for this processor's matrix units (AMX, KleidiAI,
    /// CPU_REPACK), then the device's own. Where Tessera's kernels multiply, plain memory is best.
    /// </summary>
    public IReadOnlyList<nint> BufferTypes() =>
        [.. TakesPlainMatrices ? [] : ExtraBufferTypes(MainDevice), GgmlBackend.ggml_backend_dev_buffer_type(MainDevice)];

    /// <summary>Whether matrices are best left as the file has them.</summary>
    public bool TakesPlainMatrices => isForLanguage ? !IsRepackingBest : HasProducts;

    /// <summary>The buffer types in which a device repacks what is put there.</summary>
    internal static List<nint> ExtraBufferTypes(nint device)
    {
        var types = new List<nint>();
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(
            GgmlBackend.ggml_backend_dev_backend_reg(device),
            "ggml_backend_dev_get_extra_bufts"
        );
        if (function == 0)
            return types;
        for (nint* extra = ((delegate* unmanaged[Cdecl]<nint, nint*>)function)(device); extra != null && *extra != 0; extra++)
            types.Add(*extra);
        return types;
    }

    /// <summary>Memory of the main device that is free now, in bytes.</summary>
    public long FreeBytes() => gpuDevice == 0 && MachineMemory.FreeOnLinux() is { } free ? free : Describe(MainDevice).FreeBytes;

    /// <summary>Sets the CPU's threads for the graphs that follow.</summary>
    public void UseThreads(int count)
    {
        SetThreads(cpu, count);
        if (kernels is not null)
            SetThreads(kernels, count);
        GgmlThreads.ggml_backend_cpu_set_threadpool(GgmlBackend.ggml_backend_dev_backend_reg(cpuDevice), cpu.Pointer, pools.Of(count));
    }

    public void Dispose()
    {
        gpu?.Dispose();
        kernels?.Dispose();
        cpu.Dispose();
        pools.Dispose();
    }

    private static DeviceFacts Describe(nint device)
    {
        GgmlBackend.ggml_backend_dev_memory(device, out nuint free, out nuint total);
        return new DeviceFacts(
            Text(GgmlBackend.ggml_backend_dev_name(device)),
            Text(GgmlBackend.ggml_backend_dev_description(device)),
            TypeOf(device),
            (long)free,
            (long)total
        );
    }

    private static ComputeDeviceType TypeOf(nint device) =>
        GgmlBackend.ggml_backend_dev_type(device) switch
        {
            ggml_backend_dev_type.CPU => ComputeDeviceType.Cpu,
            ggml_backend_dev_type.ACCEL => ComputeDeviceType.Accelerator,
            _ => ComputeDeviceType.Gpu,
        };

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static BackendHandle OpenBackend(nint device)
    {
        NativeLog.ForgetErrors();
        var backend = new BackendHandle(GgmlBackend.ggml_backend_dev_init(device, null));
        return backend.IsInvalid
            ? throw new NativeLibraryException(
                $"The device {Text(GgmlBackend.ggml_backend_dev_name(device))} could not be opened ({NativeLog.TakeErrors()})."
            )
            : backend;
    }

    private static void SetThreads(BackendHandle backend, int count)
    {
        nint registry = GgmlBackend.ggml_backend_dev_backend_reg(GgmlBackend.ggml_backend_get_device(backend.Pointer));
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
        if (function != 0)
            ((delegate* unmanaged[Cdecl]<nint, int, void>)function)(backend.Pointer, count);
    }
}
