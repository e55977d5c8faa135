using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// The one function of vips/region.h that NetVips shows only with a copy in a managed array for every call, and what frees its result
/// (glib/gmem.h). C names kept.
/// </summary>
internal static partial class Vips
{
    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_region_fetch(NetVips.Region region, int left, int top, int width, int height, out nuint len);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_free(nint mem);
}
