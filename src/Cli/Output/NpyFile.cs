using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Tessera.Shared;

namespace Tessera.Cli.Output;

/// <summary>
/// Writes float32 arrays in NumPy's format, version 1.0 (numpy/numpy v2.0: numpy/lib/format.py). The file appears whole or not at all.
/// </summary>
internal static class NpyFile
{
    private const int HeaderAlignment = 64;

    /// <param name="path">The file.</param>
    /// <param name="shape">Dimensions, slowest first.</param>
    /// <param name="parts">The values in order, end to end.</param>
    /// <exception cref="TesseraException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<long> shape, IEnumerable<ReadOnlyMemory<float>> parts)
    {
        try
        {
            WholeFile.Write(path, stream => Write(stream, shape, parts));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it cannot be written ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    /// <summary>Writes an array to a stream.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="shape">Dimensions, slowest first.</param>
    /// <param name="parts">The values in order, end to end.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(Stream stream, IReadOnlyList<long> shape, IEnumerable<ReadOnlyMemory<float>> parts)
    {
        stream.Write(Header(shape));
        foreach (ReadOnlyMemory<float> part in parts)
            stream.Write(MemoryMarshal.AsBytes(part.Span));
    }

    private static byte[] Header(IReadOnlyList<long> shape)
    {
        string dictionary =
            $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({string.Join(", ", shape)}{(shape.Count == 1 ? "," : "")}), }}";
        int length = (10 + dictionary.Length + 1 + HeaderAlignment - 1) / HeaderAlignment * HeaderAlignment;
        byte[] header = [0x93, .. "NUMPY"u8, 1, 0, 0, 0, .. Encoding.ASCII.GetBytes(dictionary.PadRight(length - 11)), (byte)'\n'];
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(length - 10));
        return header;
    }
}
