namespace Tessera.Gguf;

/// <summary>Reads the metadata entries of a header.</summary>
internal static class GgufMetadataReader
{
    /// <summary>The longest key, in bytes (GGUF specification).</summary>
    public const int MaxKeyByteLength = 65535;

    /// <summary>How deep arrays may be nested; files of today nest none.</summary>
    public const int MaxArrayDepth = 8;

    /// <summary>Reads that many entries, in order.</summary>
    public static OrderedDictionary<string, GgufValue> Read(GgufCursor cursor, int entryCount)
    {
        var entries = new OrderedDictionary<string, GgufValue>(StringComparer.Ordinal);
        for (int i = 0; i < entryCount; i++)
        {
            cursor.Field = $"metadata entry {i}";
            string key = cursor.ReadText(MaxKeyByteLength);
            if (key.Length == 0)
                throw cursor.Fail("has an empty key");
            cursor.Field = $"the metadata key {GgufText.Quote(key)}";
            if (!entries.TryAdd(key, ReadValue(cursor, (GgufValueType)cursor.Read<int>(), depth: 0)))
                throw cursor.Fail("occurs twice");
        }
        return entries;
    }

    private static GgufValue ReadValue(GgufCursor cursor, GgufValueType type, int depth)
    {
        if (type == GgufValueType.Array)
            return ReadArray(cursor, depth + 1);
        object content = type switch
        {
            GgufValueType.UInt8 => cursor.Read<byte>(),
            GgufValueType.Int8 => cursor.Read<sbyte>(),
            GgufValueType.UInt16 => cursor.Read<ushort>(),
            GgufValueType.Int16 => cursor.Read<short>(),
            GgufValueType.UInt32 => cursor.Read<uint>(),
            GgufValueType.Int32 => cursor.Read<int>(),
            GgufValueType.Float32 => cursor.Read<float>(),
            GgufValueType.Bool => ToBool(cursor, cursor.Read<byte>()),
            GgufValueType.String => cursor.ReadText(),
            GgufValueType.UInt64 => cursor.Read<ulong>(),
            GgufValueType.Int64 => cursor.Read<long>(),
            GgufValueType.Float64 => cursor.Read<double>(),
            _ => throw UnknownKind(cursor, type),
        };
        return new GgufValue(type, type, content);
    }

    private static GgufValue ReadArray(GgufCursor cursor, int depth)
    {
        if (depth > MaxArrayDepth)
            throw cursor.Fail($"holds arrays nested deeper than {MaxArrayDepth}");
        var elementType = (GgufValueType)cursor.Read<int>();
        int smallestElement = elementType.MinimumByteLength();
        if (smallestElement == 0)
            throw UnknownKind(cursor, elementType);
        int count = cursor.ReadCount(smallestElement, "elements");
        return new GgufValue(GgufValueType.Array, elementType, ReadElements(cursor, elementType, count, depth));
    }

    private static Array ReadElements(GgufCursor cursor, GgufValueType elementType, int count, int depth) =>
        elementType switch
        {
            GgufValueType.UInt8 => cursor.ReadArray<byte>(count),
            GgufValueType.Int8 => cursor.ReadArray<sbyte>(count),
            GgufValueType.UInt16 => cursor.ReadArray<ushort>(count),
            GgufValueType.Int16 => cursor.ReadArray<short>(count),
            GgufValueType.UInt32 => cursor.ReadArray<uint>(count),
            GgufValueType.Int32 => cursor.ReadArray<int>(count),
            GgufValueType.Float32 => cursor.ReadArray<float>(count),
            GgufValueType.Bool => ReadEach(count, () => ToBool(cursor, cursor.Read<byte>())),
            GgufValueType.String => ReadEach(count, () => cursor.ReadText()),
            GgufValueType.Array => ReadEach(count, () => ReadArray(cursor, depth + 1)),
            GgufValueType.UInt64 => cursor.ReadArray<ulong>(count),
            GgufValueType.Int64 => cursor.ReadArray<long>(count),
            GgufValueType.Float64 => cursor.ReadArray<double>(count),
            _ => throw UnknownKind(cursor, elementType),
        };

    private static T[] ReadEach<T>(int count, Func<T> readElement)
    {
        if (count == 0)
            return [];
        var elements = new T[count];
        for (int i = 0; i < count; i++)
            elements[i] = readElement();
        return elements;
    }

    private static bool ToBool(GgufCursor cursor, byte stored) =>
        stored <= 1 ? stored == 1 : throw cursor.Fail($"holds the bool {stored}, which is neither 0 nor 1");

    private static ModelFileException UnknownKind(GgufCursor cursor, GgufValueType type) =>
        cursor.Fail($"holds a value of the unknown kind {(uint)type}");
}
