using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// What happens when C++ throws and no one catches: its runtime calls a handler, on the thread that threw, and then ends the process. (On
/// Windows such an exception comes through as a managed one.)
/// </summary>
internal static unsafe class CxxTermination
{
    // Itanium C++ ABI names of std::set_terminate, and of its functions that name the exception's type.
    private const string SetTerminate = "_ZSt13set_terminatePFvvE";
    private static readonly string[] Runtimes = ["libstdc++.so.6", "libc++.so.1", "libc++abi.dylib"];
    private static delegate* unmanaged[Cdecl]<void> previous;
    private static delegate* unmanaged[Cdecl]<nint*> currentType;
    private static delegate* unmanaged[Cdecl]<nint, nint, nint, int*, nint> demangle;

    /// <summary>Takes the handler's place. The libraries that throw must have been loaded, as they take it too.</summary>
    public static void Install()
    {
        if (OperatingSystem.IsWindows() || previous != null)
            return;
        foreach (string name in Runtimes)
        {
            if (!NativeLibrary.TryLoad(name, out nint runtime) || !NativeLibrary.TryGetExport(runtime, SetTerminate, out nint set))
                continue;
            if (NativeLibrary.TryGetExport(runtime, "__cxa_current_exception_type", out nint type))
                currentType = (delegate* unmanaged[Cdecl]<nint*>)type;
            if (NativeLibrary.TryGetExport(runtime, "__cxa_demangle", out nint find))
                demangle = (delegate* unmanaged[Cdecl]<nint, nint, nint, int*, nint>)find;
            previous = ((delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void>, delegate* unmanaged[Cdecl]<void>>)set)(&Terminate);
            return;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Terminate()
    {
        NativeLog.End($"{TypeName()} was thrown", isOfDevice: true);
        if (previous != null)
            previous();
    }

    // std::type_info is a table of functions and then its name.
    private static string TypeName()
    {
        nint* type = currentType == null ? null : currentType();
        if (type == null)
            return "an exception";
        int status;
        nint readable = demangle == null ? 0 : demangle(type[1], 0, 0, &status);
        return Marshal.PtrToStringUTF8(readable == 0 ? type[1] : readable) ?? "an exception";
    }
}
