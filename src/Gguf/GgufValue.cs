using System.Globalization;
using System.Text;

namespace Tessera.Gguf;

/// <summary>One metadata value: a number, a truth value, a text, or an array of values of one kind. Immutable.</summary>
public sealed class GgufValue
{
    private const int ShownElementCount = 8;
    private readonly object content;

    /// <summary>Wraps content that already has the right .NET type and that nobody else will change.</summary>
    internal GgufValue(GgufValueType type, GgufValueType elementType, object content)
    {
        Type = type;
        ElementType = elementType;
        this.content = content;
    }

    /// <summary>The kind of the value.</summary>
    public GgufValueType Type { get; }

    /// <summary>The kind of an array's elements; of anything else, the kind of the value.</summary>
    public GgufValueType ElementType { get; }

    /// <summary>The number of an array's elements; of anything else, 1.</summary>
    public int Count => content is Array array ? array.Length : 1;

    /// <summary>The kind in words, such as "uint32" or "array of string".</summary>
    public string Kind => Type == GgufValueType.Array ? $"array of {ElementType.Name()}" : Type.Name();

    /// <summary>Makes a value that is not an array; the kind follows from the .NET type.</summary>
    /// <exception cref="ArgumentException">GGUF has no such kind, or the value is a <see cref="GgufValue"/>.</exception>
    public static GgufValue From<T>(T value)
        where T : notnull
    {
        GgufValueType type = GgufValueTypes.Of(typeof(T));
        if (type == GgufValueType.Array)
            throw new ArgumentException("The value is a GGUF value already.", nameof(value));
        return new GgufValue(type, type, value);
    }

    /// <summary>Makes an array from a copy of the elements; elements that are arrays are given as values themselves.</summary>
    /// <exception cref="ArgumentException">GGUF has no such kind, an element is null, or a nested element is not an array.</exception>
    public static GgufValue FromArray<T>(ReadOnlySpan<T> elements)
        where T : notnull
    {
        GgufValueType elementType = GgufValueTypes.Of(typeof(T));
        foreach (T element in elements)
            if (element is null or GgufValue { Type: not GgufValueType.Array })
                throw new ArgumentException("An element is null or, in an array of arrays, not an array.", nameof(elements));
        return new GgufValue(GgufValueType.Array, elementType, elements.ToArray());
    }

    /// <summary>Gives the value if it is exactly of the asked .NET type, without any conversion.</summary>
    public bool TryGet<T>(out T? value)
        where T : notnull
    {
        bool matches = content is T && content is not Array;
        value = matches ? (T)content : default;
        return matches;
    }

    /// <summary>Gives the elements of an array if they are exactly of the asked .NET type (nested: <see cref="GgufValue"/>).</summary>
    public bool TryGetArray<T>(out ReadOnlyMemory<T> elements)
        where T : notnull
    {
        // The runtime lets an int[] pass for a uint[], hence the comparison of exact types.
        bool matches = content.GetType() == typeof(T[]);
        elements = matches ? (T[])content : default;
        return matches;
    }

    /// <summary>The value for people: numbers as in C#, text as it is, of an array the first eight elements.</summary>
    public override string ToString() => content is Array array ? Show(array) : Show(content);

    /// <summary>Whether the value is anything but an array.</summary>
    internal bool IsScalar() => Type != GgufValueType.Array;

    /// <summary>Gives the value, or the array element of that index, if it is an integer of any size.</summary>
    internal bool TryGetInteger(int index, out Int128 value)
    {
        Int128? integer = ElementAt(index) switch
        {
            byte number => number,
            sbyte number => number,
            ushort number => number,
            short number => number,
            uint number => number,
            int number => number,
            ulong number => number,
            long number => number,
            _ => null,
        };
        value = integer ?? 0;
        return integer is not null;
    }

    /// <summary>Gives the value, or the array element of that index, if it is a floating-point number.</summary>
    internal bool TryGetReal(int index, out double value)
    {
        double? real = ElementAt(index) switch
        {
            float number => number,
            double number => number,
            _ => null,
        };
        value = real ?? 0;
        return real is not null;
    }

    private object? ElementAt(int index) => content is Array array ? array.GetValue(index) : content;

    private static string Show(object? item) => Convert.ToString(item, CultureInfo.InvariantCulture) ?? "";

    private static string Show(Array array)
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < Math.Min(array.Length, ShownElementCount); i++)
            text.Append(i == 0 ? "" : ", ").Append(Show(array.GetValue(i)));
        if (array.Length > ShownElementCount)
            text.Append(CultureInfo.InvariantCulture, $", ... ({array.Length} in all)");
        return text.Append(']').ToString();
    }
}
