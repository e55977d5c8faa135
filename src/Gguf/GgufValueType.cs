namespace Tessera.Gguf;

/// <summary>The kinds of a metadata value; the numbers are those of <c>gguf_type</c> (ggml 0.25.1, gguf.h).</summary>
public enum GgufValueType
{
    /// <summary>Unsigned, 8 bits.</summary>
    UInt8 = 0,

    /// <summary>Signed, 8 bits.</summary>
    Int8 = 1,

    /// <summary>Unsigned, 16 bits.</summary>
    UInt16 = 2,

    /// <summary>Signed, 16 bits.</summary>
    Int16 = 3,

    /// <summary>Unsigned, 32 bits.</summary>
    UInt32 = 4,

    /// <summary>Signed, 32 bits.</summary>
    Int32 = 5,

    /// <summary>IEEE single precision.</summary>
    Float32 = 6,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 7,

    /// <summary>UTF-8 text behind its length.</summary>
    String = 8,

    /// <summary>A sequence of values of one kind, which may be arrays themselves.</summary>
    Array = 9,

    /// <summary>Unsigned, 64 bits.</summary>
    UInt64 = 10,

    /// <summary>Signed, 64 bits.</summary>
    Int64 = 11,

    /// <summary>IEEE double precision.</summary>
    Float64 = 12,
}

/// <summary>What the kinds of metadata values are called and which .NET types carry them.</summary>
internal static class GgufValueTypes
{
    /// <summary>The kind's name as the GGUF documentation writes it, for messages.</summary>
    public static string Name(this GgufValueType type) => type.ToString().ToLowerInvariant();

    /// <summary>Whether the kind is an integer of any size.</summary>
    public static bool IsInteger(this GgufValueType type) =>
        type
            is GgufValueType.UInt8
                or GgufValueType.Int8
                or GgufValueType.UInt16
                or GgufValueType.Int16
                or GgufValueType.UInt32
                or GgufValueType.Int32
                or GgufValueType.UInt64
                or GgufValueType.Int64;

    /// <summary>The fewest bytes that one value of the kind takes in a file; 0 for an unknown kind.</summary>
    public static int MinimumByteLength(this GgufValueType type) =>
        type switch
        {
            GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
            GgufValueType.UInt16 or GgufValueType.Int16 => 2,
            GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
            GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 or GgufValueType.String => 8,
            GgufValueType.Array => sizeof(uint) + sizeof(ulong),
            _ => 0,
        };

    /// <summary>The kind that a .NET type is stored as.</summary>
    /// <exception cref="ArgumentException">GGUF has no kind for the type.</exception>
    public static GgufValueType Of(Type type)
    {
        if (type == typeof(byte))
            return GgufValueType.UInt8;
        if (type == typeof(sbyte))
            return GgufValueType.Int8;
        if (type == typeof(ushort))
            return GgufValueType.UInt16;
        if (type == typeof(short))
            return GgufValueType.Int16;
        if (type == typeof(uint))
            return GgufValueType.UInt32;
        if (type == typeof(int))
            return GgufValueType.Int32;
        if (type == typeof(float))
            return GgufValueType.Float32;
        if (type == typeof(bool))
            return GgufValueType.Bool;
        if (type == typeof(string))
            return GgufValueType.String;
        if (type == typeof(GgufValue))
            return GgufValueType.Array;
        if (type == typeof(ulong))
            return GgufValueType.UInt64;
        if (type == typeof(long))
            return GgufValueType.Int64;
        if (type == typeof(double))
            return GgufValueType.Float64;
        throw new ArgumentException($"GGUF metadata cannot hold a {type.Name}.", nameof(type));
    }
}
