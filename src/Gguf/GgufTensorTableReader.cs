using System.Collections.Immutable;

namespace Tessera.Gguf;

/// <summary>
/// Reads the tensor table of a header and places the tensors in the file: each aligned, inside the file and clear of the
/// others. (ggml also wants them in the order of the table without gaps; nothing here depends on that.)
/// </summary>
internal static class GgufTensorTableReader
{
    /// <summary>The longest tensor name that ggml reads, in bytes: <c>GGML_MAX_NAME</c> less the terminator (ggml 0.25.1).</summary>
    public const int MaxNameByteLength = 63;

    // candle's files have transformers' names, which are longer.
    private const int MaxReadNameByteLength = 255;

    /// <summary>Reads that many tensors; the data begins at the first aligned position behind them.</summary>
    public static IReadOnlyList<GgufTensor> Read(GgufCursor cursor, int tensorCount, int alignment, long fileLength)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var entries = new List<GgufTensor>();
        for (int i = 0; i < tensorCount; i++)
        {
            cursor.Field = $"tensor entry {i}";
            string name = cursor.ReadText(MaxReadNameByteLength);
            if (name.Length == 0)
                throw cursor.Fail("has an empty name");
            cursor.Field = FieldOf(name);
            if (!names.Add(name))
                throw cursor.Fail("occurs twice");
            entries.Add(ReadEntry(cursor, name, alignment));
        }
        long dataStart = GgufHeader.Align(cursor.Position, alignment);
        GgufTensor[] tensors = entries.ConvertAll(entry => Place(cursor, entry, dataStart, fileLength)).ToArray();
        RequireDisjoint(cursor, tensors);
        return tensors.AsReadOnly();
    }

    // The data offset of the result still counts from the beginning of the tensor data.
    private static GgufTensor ReadEntry(GgufCursor cursor, string name, int alignment)
    {
        uint dimensionCount = cursor.Read<uint>();
        if (dimensionCount is < 1 or > GgufTensorTypes.MaxDimensionCount)
            throw cursor.Fail($"has {dimensionCount} dimensions instead of 1 to {GgufTensorTypes.MaxDimensionCount}");
        ImmutableArray<long> shape = ImmutableArray.Create(cursor.ReadArray<long>((int)dimensionCount));
        var type = (GgufTensorType)cursor.Read<int>();
        if (!GgufTensorTypes.TryMeasure(type, shape.AsSpan(), out long elementCount, out long byteLength, out string? problem))
            throw cursor.Fail(problem);
        ulong offset = cursor.Read<ulong>();
        if (offset % (ulong)alignment != 0)
            throw cursor.Fail($"has the data offset {offset}, which is not a multiple of {alignment}");
        if (offset > long.MaxValue)
            throw cursor.Fail($"has the impossible data offset {offset}");
        return new GgufTensor(name, type, shape, elementCount, byteLength, (long)offset);
    }

    private static GgufTensor Place(GgufCursor cursor, GgufTensor entry, long dataStart, long fileLength)
    {
        long available = Math.Max(0, fileLength - dataStart);
        if (entry.ByteLength > available || entry.DataOffset > available - entry.ByteLength)
        {
            cursor.Field = FieldOf(entry.Name);
            throw cursor.Fail(
                $"has {entry.ByteLength} bytes of data at offset {entry.DataOffset}, but the file holds only {available}"
                    + " bytes of tensor data; it is damaged or was not copied to its end"
            );
        }
        return new GgufTensor(entry.Name, entry.Type, entry.Shape, entry.ElementCount, entry.ByteLength, dataStart + entry.DataOffset);
    }

    private static void RequireDisjoint(GgufCursor cursor, GgufTensor[] tensors)
    {
        GgufTensor[] sorted = [.. tensors.OrderBy(tensor => tensor.DataOffset)];
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i - 1].DataOffset + sorted[i - 1].ByteLength <= sorted[i].DataOffset)
                continue;
            cursor.Field = FieldOf(sorted[i].Name);
            throw cursor.Fail($"shares data with the tensor {GgufText.Quote(sorted[i - 1].Name)}");
        }
    }

    private static string FieldOf(string name) => $"the tensor {GgufText.Quote(name)}";
}
