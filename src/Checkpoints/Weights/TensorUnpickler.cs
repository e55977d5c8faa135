using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Razorvine.Pickle;

namespace Tessera.Checkpoints.Weights;

/// <summary>A storage that a pickle refers to.</summary>
internal sealed record PickledStorage(string Key, string TypeName, ElementType Type, int ByteLength);

/// <summary>A tensor as a pickle describes it: a stretch of a storage, with the steps between neighbours.</summary>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>A state dictionary. PyTorch adds version numbers to it as attributes, which the package hands over to a method of this
/// name.</summary>
internal sealed class PickledMap : Hashtable
{
    /// <summary>Passes over the attributes.</summary>
    [SuppressMessage("Naming", "CA1707", Justification = "Found by its name.")]
    [SuppressMessage("Performance", "CA1822", Justification = "Called on the object.")]
    public void __setstate__(Hashtable attributes) => ArgumentNullException.ThrowIfNull(attributes);
}

/// <summary>Runs a pickle of tensors that <see cref="PickleScan"/> has found harmless; storages stay references.</summary>
internal sealed class TensorUnpickler : Unpickler
{
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicMethods, typeof(PickledMap))]
    static TensorUnpickler()
    {
        registerConstructor("torch._utils", "_rebuild_tensor_v2", new Rebuild(static arguments => Tensor(arguments)));
        registerConstructor("torch._utils", "_rebuild_parameter", new Rebuild(static arguments => arguments[0]));
        registerConstructor("collections", "OrderedDict", new Rebuild(static _ => new PickledMap()));
        registerConstructor("torch", "Size", new Rebuild(static arguments => arguments[0]));
        foreach (string name in PickleScan.Storages)
            registerConstructor("torch", name, new StorageType(name));
    }

    // ("storage", type, key, device, number of elements)
    protected override object persistentLoad(object pid)
    {
        if (
            pid is not object[] { Length: >= 3 } parts
            || parts[0] is not "storage"
            || parts[1] is not StorageType type
            || parts[2] is not string key
        )
            throw new PickleException("a reference to something that is no storage");
        return type.Make(key);
    }

    private static PickledTensor Tensor(object[] arguments)
    {
        if (
            arguments.Length < 4
            || arguments[0] is not PickledStorage storage
            || arguments[2] is not object[] shape
            || arguments[3] is not object[] strides
            || shape.Length != strides.Length
            || shape.Length > 8
        )
            throw new PickleException("a tensor that is described otherwise than torch.save does");
        return new PickledTensor(storage, Whole(arguments[1]), Array.ConvertAll(shape, Whole), Array.ConvertAll(strides, Whole));
    }

    private static long Whole(object value) =>
        value is int or long
            ? Convert.ToInt64(value, CultureInfo.InvariantCulture)
            : throw new PickleException("a length that is no whole number");

    private sealed class Rebuild(Func<object[], object> make) : IObjectConstructor
    {
        public object construct(object[] args) => make(args);
    }

    // Pickles name the type of a storage without calling it.
    private sealed class StorageType(string name) : IObjectConstructor
    {
        public PickledStorage Make(string key) =>
            name switch
            {
                "FloatStorage" => new PickledStorage(key, "F32", ElementType.F32, 4),
                "HalfStorage" => new PickledStorage(key, "F16", ElementType.F16, 2),
                "BFloat16Storage" => new PickledStorage(key, "BF16", ElementType.BF16, 2),
                "DoubleStorage" or "LongStorage" => new PickledStorage(key, name, ElementType.Other, 8),
                "IntStorage" => new PickledStorage(key, name, ElementType.Other, 4),
                "ShortStorage" => new PickledStorage(key, name, ElementType.Other, 2),
                _ => new PickledStorage(key, name, ElementType.Other, 1),
            };

        public object construct(object[] args) => throw new PickleException("a storage inside of the pickle");
    }
}
