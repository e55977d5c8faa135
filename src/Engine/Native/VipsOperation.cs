namespace Tessera.Native;

/// <summary>One libvips operation called by name; the C convenience functions are variadic and cannot be called from here.</summary>
internal sealed class VipsOperation : IDisposable
{
    private readonly GObjectHandle operation;

    /// <summary>Makes ready to call the operation of this name, such as "pngload_buffer".</summary>
    /// <exception cref="VipsException">There is no such operation.</exception>
    public VipsOperation(string name)
    {
        operation = new GObjectHandle(Vips.vips_operation_new(name));
        if (operation.IsInvalid) throw VipsLibrary.TakeError();
    }

    /// <summary>Sets an argument from text: a number, "true", or the nickname of an enumeration's member.</summary>
    public VipsOperation With(string argument, string value)
    {
        if (Vips.vips_object_set_argument_from_string(operation, argument, value) != 0) throw VipsLibrary.TakeError();
        return this;
    }

    /// <summary>Sets an argument to an image.</summary>
    public VipsOperation With(string argument, GObjectHandle image)
    {
        GValue value = default;
        Vips.g_value_init(ref value, Vips.vips_image_get_type());
        Vips.g_value_set_object(ref value, image);
        Vips.g_object_set_property(operation, argument, value);
        Vips.g_value_unset(ref value);
        return this;
    }

    /// <summary>Sets an argument to bytes, which are not copied: they must stay in place as long as any image made from them lives.</summary>
    public unsafe VipsOperation With(string argument, void* data, int byteLength)
    {
        using VipsBlobHandle blob = new(Vips.vips_blob_new(0, data, (nuint)byteLength));
        GValue value = default;
        Vips.g_value_init(ref value, Vips.vips_blob_get_type());
        Vips.g_value_set_boxed(ref value, blob);
        Vips.g_object_set_property(operation, argument, value);
        Vips.g_value_unset(ref value);
        return this;
    }

    /// <summary>Runs the operation and returns its output "out". Pixels are computed only when a region asks for them.</summary>
    /// <exception cref="VipsException">The operation failed.</exception>
    public GObjectHandle Run()
    {
        bool failed = Vips.vips_object_build(operation) != 0;
        try
        {
            return failed ? throw VipsLibrary.TakeError() : Output();
        }
        finally
        {
            Vips.vips_object_unref_outputs(operation);
        }
    }

    /// <summary>Runs an operation that has no output, such as "pngsave".</summary>
    /// <exception cref="VipsException">The operation failed.</exception>
    public void Execute()
    {
        bool failed = Vips.vips_object_build(operation) != 0;
        Vips.vips_object_unref_outputs(operation);
        if (failed) throw VipsLibrary.TakeError();
    }

    private GObjectHandle Output()
    {
        GValue value = default;
        Vips.g_value_init(ref value, Vips.vips_image_get_type());
        Vips.g_object_get_property(operation, "out", ref value);
        GObjectHandle image = new(Vips.g_value_dup_object(value));
        Vips.g_value_unset(ref value);
        return image;
    }

    public void Dispose() => operation.Dispose();
}
