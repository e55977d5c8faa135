using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>The GPUs that ggml found.</summary>
internal static unsafe class GpuDevices
{
    private static readonly Lock Gate = new();
    private static bool areOpen;

    /// <summary>Those that can be used, discrete ones first: none once one has been lost.</summary>
    /// <remarks>The native libraries must have been started.</remarks>
    public static IReadOnlyList<nint> Usable => GpuCalls.Loss is null ? Found() : [];

    /// <summary>ggml's name of a device.</summary>
    public static string NameOf(nint device) => Marshal.PtrToStringUTF8((nint)GgmlBackend.ggml_backend_dev_name(device)) ?? "";

    /// <summary>Memory of a device that is free, in bytes.</summary>
    public static long FreeBytes(nint device)
    {
        GgmlBackend.ggml_backend_dev_memory(device, out nuint free, out _);
        return (long)free;
    }

    /// <summary>
    /// Opens them on one thread: ggml's Vulkan backend shows a device to other threads before it has filled it in, and the second to ask
    /// for its buffer type gets one whose functions are still null (ggml 0.25.1, src/ggml-vulkan/ggml-vulkan.cpp, ggml_vk_get_device).
    /// </summary>
    /// <exception cref="NativeLibraryException">One cannot be opened.</exception>
    public static void Open()
    {
        lock (Gate)
        {
            if (areOpen)
                return;
            IReadOnlyList<nint> devices = Usable;
            if (devices.Count == 0)
                return;
            NativeLog.WatchForLoss();
            GpuCalls.Run(() =>
            {
                foreach (nint device in devices)
                    GgmlBackend.ggml_backend_dev_buffer_type(device);
            });
            areOpen = true;
        }
    }

    private static List<nint> Found()
    {
        var devices = new List<nint>();
        foreach (ggml_backend_dev_type type in (ggml_backend_dev_type[])[ggml_backend_dev_type.GPU, ggml_backend_dev_type.IGPU])
        {
            for (nuint index = 0; index < GgmlBackend.ggml_backend_dev_count(); index++)
            {
                nint device = GgmlBackend.ggml_backend_dev_get(index);
                if (GgmlBackend.ggml_backend_dev_type(device) == type)
                    devices.Add(device);
            }
        }

        return devices;
    }
}
