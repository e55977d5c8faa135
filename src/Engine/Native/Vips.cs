using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>vips/vips.h of libvips 8.18, and the little of glib-object.h that calls without variadic functions need; C names kept.</summary>
internal static unsafe partial class Vips
{
    [LibraryImport(NativeLibraries.Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int vips_init(string argv0);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_version(int flag);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_cache_set_max(int max);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_concurrency_set(int concurrency);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_block_untrusted_set(int state);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_error_buffer_copy();

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_error_clear();

    [LibraryImport(NativeLibraries.Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint vips_operation_new(string name);

    [LibraryImport(NativeLibraries.Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int vips_object_set_argument_from_string(GObjectHandle vobject, string name, string value);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_object_build(GObjectHandle vobject);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_object_unref_outputs(GObjectHandle vobject);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_blob_new(nint free_fn, void* data, nuint length);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nuint vips_blob_get_type();

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void vips_area_unref(nint area);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nuint vips_image_get_type();

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_image_new_from_memory_copy(void* data, nuint size, int width, int height, int bands, VipsBandFormat format);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_image_write_to_memory(GObjectHandle @in, out nuint size);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_image_get_width(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_image_get_height(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_image_get_bands(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial VipsBandFormat vips_image_get_format(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial VipsInterpretation vips_image_get_interpretation(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial int vips_image_get_orientation(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_region_new(GObjectHandle image);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint vips_region_fetch(GObjectHandle region, int left, int top, int width, int height, out nuint len);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_free(nint mem);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_object_unref(nint gobject);

    [LibraryImport(NativeLibraries.Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void g_object_set_property(GObjectHandle gobject, string property_name, in GValue value);

    [LibraryImport(NativeLibraries.Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void g_object_get_property(GObjectHandle gobject, string property_name, ref GValue value);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint g_value_init(ref GValue value, nuint g_type);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_value_unset(ref GValue value);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_value_set_object(ref GValue value, GObjectHandle v_object);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint g_value_dup_object(in GValue value);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial void g_value_set_boxed(ref GValue value, VipsBlobHandle v_boxed);

    [LibraryImport(NativeLibraries.Vips)]
    public static partial nint g_log_set_default_handler(delegate* unmanaged[Cdecl]<byte*, int, byte*, nint, void> log_func, nint user_data);
}

/// <summary>GValue of gobject/gvalue.h: a type and two words of data.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GValue
{
    public nuint g_type;
    public ulong data0;
    public ulong data1;
}

/// <summary>VipsBandFormat of vips/image.h, as far as used.</summary>
internal enum VipsBandFormat
{
    UChar = 0,
    UShort = 2,
}

/// <summary>VipsInterpretation of vips/image.h, as far as used.</summary>
internal enum VipsInterpretation
{
    Multiband = 0,
    BlackWhite = 1,
    Cmyk = 15,
    Rgb = 17,
    SRgb = 22,
    Rgb16 = 25,
    Grey16 = 26,
}
