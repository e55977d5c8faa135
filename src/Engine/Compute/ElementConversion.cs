using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Stored elements as float32, by ggml's own conversions.</summary>
internal static unsafe class ElementConversion
{
    /// <summary>Whether ggml converts a type to float32.</summary>
    public static bool IsConvertible(GgufTensorType type) => type == GgufTensorType.F32 || Traits(type)->to_float != null;

    /// <summary>Converts whole blocks; the values' number is that of the stored elements.</summary>
    public static void ToFloat(GgufTensorType type, ReadOnlySpan<byte> source, Span<float> values)
    {
        fixed (byte* from = source)
        fixed (float* to = values)
        {
            if (type == GgufTensorType.F32) source.CopyTo(new Span<byte>(to, values.Length * sizeof(float)));
            else Traits(type)->to_float(from, to, values.Length);
        }
    }

    private static ggml_type_traits* Traits(GgufTensorType type) => Ggml.ggml_get_type_traits((ggml_type)(int)type);
}
