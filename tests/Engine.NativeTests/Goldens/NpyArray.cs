using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>A float32 array in NumPy's format, version 1.0.</summary>
public sealed partial record NpyArray(long[] Shape, float[] Values)
{
    public static NpyArray Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int headerLength = BitConverter.ToUInt16(bytes, 8);
        string header = Encoding.ASCII.GetString(bytes, 10, headerLength);
        Assert.Contains("'<f4'", header);
        Assert.Contains("'fortran_order': False", header);
        long[] shape =
        [
            .. Numbers()
                .Matches(ShapeText().Match(header).Value)
                .Select(static match => long.Parse(match.Value, CultureInfo.InvariantCulture)),
        ];
        return new NpyArray(shape, MemoryMarshal.Cast<byte, float>(bytes.AsSpan(10 + headerLength)).ToArray());
    }

    /// <summary>SHA-256 of values as little-endian float32.</summary>
    public static string Digest(ReadOnlySpan<float> values) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values)));

    public string Digest() => Digest(Values);

    [GeneratedRegex(@"\([^)]*\)")]
    private static partial Regex ShapeText();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Numbers();
}
