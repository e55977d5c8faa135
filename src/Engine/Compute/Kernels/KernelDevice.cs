using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Attention;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Compute.Kernels.Rows;
using Tessera.Compute.Kernels.Steps;
using Tessera.Native;

namespace Tessera.Compute.Kernels;

/// <summary>
/// Tessera's kernels as a device that ggml and libllama find beside the CPU: it shares the CPU's memory, and schedulers give it the
/// operations that it supports (an accelerator, as ggml's BLAS device is).
/// </summary>
internal static unsafe class KernelDevice
{
    private static readonly Lock Gate = new();
    private static readonly byte* Name = Utf8("Tessera");
    private static readonly byte* Description = Utf8("Tessera's kernels");
    private static ggml_backend_device* device;
    private static ggml_backend_device* towerDevice;

    [ThreadStatic]
    private static bool leavesFewQueries;

    [ThreadStatic]
    private static bool takesSteps;

    /// <summary>Whether this processor can run the kernels, and the user lets it.</summary>
    public static bool IsSupported => TileProduct.IsSupported && nint.Size == sizeof(long) && KernelLevels.Allowed > KernelLevel.Ggml;

    /// <summary>Whether matrix products are Tessera's.</summary>
    public static bool HasProducts => MatrixUnit.IsSupported || ProductForms.AreMade;

    /// <summary>
    /// Whether libllama should let ggml repack the matrices that it multiplies on the CPU. Tessera's kernels for the matrix units read
    /// plain weights, and those that ggml has packed for the same units; builds of ggml without these (LLamaSharp's) pack for vectors,
    /// which would keep prompts from the units. Those for vectors read what ggml packs for vectors.
    /// </summary>
    public static bool IsRepackingBest(bool hasMatrixUnits, bool isForMatrixUnits) => !hasMatrixUnits || isForMatrixUnits;

    /// <summary>
    /// Runs a call during which attention of few queries is ggml's. libllama tries flash attention with a token of each sequence when a
    /// context is made, and does without it where that is not on its layer's device.
    /// </summary>
    public static T WithoutFewQueries<T>(Func<T> call)
    {
        leavesFewQueries = true;
        try
        {
            return call();
        }
        finally
        {
            leavesFewQueries = false;
        }
    }

    /// <summary>Runs a call during which this thread's graphs of few tokens are Tessera's from end to end, but for what no kernel
    /// knows.</summary>
    public static T WithSteps<T>(Func<T> call)
    {
        takesSteps = true;
        try
        {
            return call();
        }
        finally
        {
            takesSteps = false;
        }
    }

    /// <summary>The registered device; 0 if the processor cannot run the kernels.</summary>
    /// <remarks>The native libraries must have been started. What was registered stays until the process ends.</remarks>
    /// <exception cref="NativeLibraryException">The user allows kernels of a kind that there is not.</exception>
    public static nint Register()
    {
        KernelLevels.Check(Environment.GetEnvironmentVariable);
        if (!IsSupported)
            return 0;
        lock (Gate)
        {
            if (device != null)
                return (nint)device;
            if (Marshal.PtrToStringUTF8((nint)Ggml.ggml_op_name(ggml_op.GGML_OP_FLASH_ATTN_EXT)) != "FLASH_ATTN_EXT")
                return 0;
            ComputeDevice
                .ExtraBufferTypes(GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU))
                .ForEach(MatrixUnit.IsSupported ? RepackedWeights.Recognise : InterleavedWeights.Recognise);
            device = NewDevice(&Supports);
            towerDevice = NewDevice(&SupportsInTowers);
            towerDevice->reg = device->reg;
            GgmlBackend.ggml_backend_register(device->reg);
            LargePages.AskForAll();
            return (nint)device;
        }
    }

    /// <summary>
    /// Once registered, the device for vision towers: its kernels take operations of any number of rows, so that what becomes of a picture
    /// does not depend on how many are computed together, and the small ones between the large.
    /// </summary>
    public static nint ForTowers => (nint)towerDevice;

    /// <summary>Whether a device is this one, which is no device of the machine's.</summary>
    public static bool Is(nint other) => other != 0 && other == (nint)device;

    private static ggml_backend_device* NewDevice(delegate* unmanaged[Cdecl]<nint, ggml_tensor*, byte> supports)
    {
        var registration = (ggml_backend_reg*)NativeMemory.AllocZeroed((nuint)sizeof(ggml_backend_reg));
        *registration = new ggml_backend_reg
        {
            api_version = GgmlBackendInterface.GGML_BACKEND_API_VERSION,
            get_name = &NameOf,
            get_device_count = &CountDevices,
            get_device = &GetDevice,
            get_proc_address = &FindFunction,
        };
        var made = (ggml_backend_device*)NativeMemory.AllocZeroed((nuint)sizeof(ggml_backend_device));
        *made = new ggml_backend_device
        {
            get_name = &NameOf,
            get_description = &DescriptionOf,
            get_memory = &ReportMemory,
            get_type = &TypeOf,
            get_props = &ReportProperties,
            init_backend = &NewBackend,
            get_buffer_type = &BufferTypeOf,
            supports_op = supports,
            supports_buft = &CanUse,
            reg = registration,
        };
        return made;
    }

    private static byte* Utf8(string text) => (byte*)Marshal.StringToCoTaskMemUTF8(text);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte* NameOf(nint self) => Name;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte* DescriptionOf(nint self) => Description;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nuint CountDevices(nint self) => 1;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint GetDevice(nint self, nuint index) => (nint)device;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint FindFunction(nint self, byte* name) =>
        Marshal.PtrToStringUTF8((nint)name) switch
        {
            "ggml_backend_set_n_threads" => (nint)(delegate* unmanaged[Cdecl]<ggml_backend*, int, void>)&KernelBackend.SetThreads,
            "ggml_backend_set_abort_callback" => (nint)
                (delegate* unmanaged[Cdecl]<ggml_backend*, delegate* unmanaged[Cdecl]<void*, byte>, void*, void>)&KernelBackend.SetAbort,
            _ => 0,
        };

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReportMemory(nint self, nuint* free, nuint* total) => (*free, *total) = (0, 0);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static ggml_backend_dev_type TypeOf(nint self) => ggml_backend_dev_type.ACCEL;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReportProperties(nint self, ggml_backend_dev_props* properties) =>
        *properties = new ggml_backend_dev_props
        {
            name = Name,
            description = Description,
            type = ggml_backend_dev_type.ACCEL,
        };

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint NewBackend(nint self, byte* parameters) =>
        (nint)KernelBackend.New((ggml_backend_device*)self, &NameOf, isOfTower: self == (nint)towerDevice);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint BufferTypeOf(nint self) => GgmlBackend.ggml_backend_cpu_buffer_type();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Supports(nint self, ggml_tensor* node) => Supports(node, isOfTower: false) ? (byte)1 : (byte)0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte SupportsInTowers(nint self, ggml_tensor* node) => Supports(node, isOfTower: true) ? (byte)1 : (byte)0;

    private static bool Supports(ggml_tensor* node, bool isOfTower) =>
        node->op switch
        {
            ggml_op.GGML_OP_NONE
            or ggml_op.GGML_OP_RESHAPE
            or ggml_op.GGML_OP_VIEW
            or ggml_op.GGML_OP_PERMUTE
            or ggml_op.GGML_OP_TRANSPOSE => true,
            ggml_op.GGML_OP_FLASH_ATTN_EXT => AttentionShape.IsSupported(node)
                && !(leavesFewQueries && new AttentionShape(node).HasFewQueries),
            ggml_op.GGML_OP_MUL_MAT => MatrixProduct.IsSupported(node) && (isOfTower || new MatrixProduct(node).IsWorthIt(takesSteps)),
            _ => HasProducts && (isOfTower ? RowOperation.IsSupported(node) : takesSteps && StepOperation.IsSupported(node)),
        };

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte CanUse(nint self, nint bufferType) =>
        GgmlBackend.ggml_backend_buft_is_host(bufferType) || RepackedWeights.Is(bufferType) || InterleavedWeights.Is(bufferType)
            ? (byte)1
            : (byte)0;
}
