using System.Buffers.Binary;
using System.Text;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// A metadata entry as it stands in the file: the tag of its type and the bytes of its value, which need not fit each other.
/// </summary>
internal sealed record RawEntry(string Key, uint Type, byte[] Value);

/// <summary>A tensor as it stands in the file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its dimensions, as many as it claims.</param>
/// <param name="Type">The tag of its type.</param>
/// <param name="Offset">Where it claims to lie; null for behind the tensor before it.</param>
/// <param name="Data">Its bytes; of another length than it needs, they are cut or repeated.</param>
internal sealed record RawTensor(string Name, ulong[] Shape, uint Type, ulong? Offset, byte[] Data);

/// <summary>
/// A GGUF file taken apart, which can be put together again whatever it says (ggml-org/llama.cpp, docs/gguf.md, version 3).
/// </summary>
internal sealed class RawGguf
{
    public const uint Text = 8;
    public const uint Array = 9;
    private const int LargestTensor = 4 << 20;

    // Bytes of the scalar types, by tag; 0 for texts and arrays.
    private static readonly int[] ScalarLengths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

    // Elements and bytes of a block, by tag (ggml.h, ggml-common.h).
    private static readonly Dictionary<uint, (ulong Elements, ulong Bytes)> Blocks = new()
    {
        [0] = (1, 4),
        [1] = (1, 2),
        [2] = (32, 18),
        [6] = (32, 22),
        [8] = (32, 34),
        [12] = (256, 144),
        [14] = (256, 210),
        [16] = (256, 66),
        [24] = (1, 1),
        [25] = (1, 2),
        [26] = (1, 4),
        [27] = (1, 8),
        [28] = (1, 8),
        [30] = (1, 2),
        [34] = (256, 54),
        [39] = (32, 17),
    };

    public uint Version { get; set; } = 3;

    public int Alignment { get; set; } = 32;

    public ulong? ClaimedTensors { get; set; }

    public ulong? ClaimedEntries { get; set; }

    public List<RawEntry> Entries { get; private init; } = [];

    public List<RawTensor> Tensors { get; private init; } = [];

    public static IReadOnlyList<uint> TensorTypes { get; } = [.. Blocks.Keys];

    /// <summary>Another list of the same parts.</summary>
    public RawGguf Clone() =>
        new()
        {
            Version = Version,
            Alignment = Alignment,
            Entries = [.. Entries],
            Tensors = [.. Tensors],
        };

    public static RawGguf Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int position = 24;
        var file = new RawGguf();
        int tensorCount = (int)U64(bytes, 8),
            entryCount = (int)U64(bytes, 16);
        for (int index = 0; index < entryCount; index++)
        {
            string key = ReadText(bytes, ref position);
            uint type = U32(bytes, position);
            int start = position += 4;
            Skip(bytes, type, ref position);
            file.Entries.Add(new RawEntry(key, type, bytes[start..position]));
        }

        var found = new List<(string Name, ulong[] Shape, uint Type, ulong Offset)>();
        for (int index = 0; index < tensorCount; index++)
        {
            string name = ReadText(bytes, ref position);
            var shape = new ulong[U32(bytes, position)];
            for (int i = 0; i < shape.Length; i++)
                shape[i] = U64(bytes, position + 4 + (8 * i));
            position += 4 + (8 * shape.Length);
            found.Add((name, shape, U32(bytes, position), U64(bytes, position + 4)));
            position += 12;
        }

        int data = Align(position, file.Alignment);
        foreach ((string name, ulong[] shape, uint type, ulong offset) in found)
            file.Tensors.Add(
                new RawTensor(name, shape, type, null, bytes.AsSpan(data + (int)offset, (int)LengthOf(type, shape)).ToArray())
            );
        return file;
    }

    public byte[] ToBytes()
    {
        using var stream = new MemoryStream(1 << 19);
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write(ClaimedTensors ?? (ulong)Tensors.Count);
        writer.Write(ClaimedEntries ?? (ulong)Entries.Count);
        foreach (RawEntry entry in Entries)
        {
            WriteText(writer, entry.Key);
            writer.Write(entry.Type);
            writer.Write(entry.Value);
        }

        ulong offset = 0;
        foreach (RawTensor tensor in Tensors)
        {
            WriteText(writer, tensor.Name);
            writer.Write((uint)tensor.Shape.Length);
            foreach (ulong dimension in tensor.Shape)
                writer.Write(dimension);
            writer.Write(tensor.Type);
            writer.Write(tensor.Offset ?? offset);
            offset += Pad(Written(tensor));
        }

        foreach (RawTensor tensor in Tensors)
        {
            while (stream.Position % Alignment != 0)
                writer.Write((byte)0);
            for (int missing = (int)Written(tensor); missing > 0 && tensor.Data.Length > 0; )
            {
                int length = Math.Min(missing, tensor.Data.Length);
                writer.Write(tensor.Data.AsSpan(0, length));
                missing -= length;
            }
        }

        return stream.ToArray();
    }

    /// <summary>The elements of an array's value, or null for what is no array of scalars or texts.</summary>
    public static List<byte[]>? Elements(RawEntry entry)
    {
        if (entry.Type != Array || entry.Value.Length < 12)
            return null;
        uint type = U32(entry.Value, 0);
        if (type == Array || type >= ScalarLengths.Length)
            return null;
        var elements = new List<byte[]>();
        for (int position = 12; position < entry.Value.Length; )
        {
            int start = position;
            if (entry.Value.Length - position < (type == Text ? 8 : ScalarLengths[type]))
                break;
            Skip(entry.Value, type, ref position);
            if (position > entry.Value.Length)
                break;
            elements.Add(entry.Value[start..position]);
        }

        return elements;
    }

    public static byte[] ArrayOf(uint type, IReadOnlyCollection<byte[]> elements) =>
        [
            .. BitConverter.GetBytes(type),
            .. BitConverter.GetBytes((ulong)elements.Count),
            .. elements.SelectMany(static element => element),
        ];

    public static byte[] TextOf(string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        return [.. BitConverter.GetBytes((ulong)bytes.Length), .. bytes];
    }

    public static int ScalarLength(uint type) => type < ScalarLengths.Length ? ScalarLengths[type] : 4;

    // What is written is bounded, whatever the shape claims.
    private static ulong Written(RawTensor tensor) => Math.Min(LengthOf(tensor.Type, tensor.Shape), LargestTensor);

    private static ulong LengthOf(uint type, ulong[] shape)
    {
        (ulong elements, ulong bytes) = Blocks.GetValueOrDefault(type, (1UL, 4UL));
        ulong count = 1;
        foreach (ulong dimension in shape)
            count = dimension > LargestTensor || count > LargestTensor ? LargestTensor + 1UL : count * dimension;
        return count / elements * bytes;
    }

    private ulong Pad(ulong length) => (length + (ulong)Alignment - 1) / (ulong)Alignment * (ulong)Alignment;

    private static int Align(int position, int alignment) => (position + alignment - 1) / alignment * alignment;

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static ulong U64(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));

    // Latin-1 keeps every byte.
    private static string ReadText(byte[] bytes, ref int position)
    {
        int length = (int)U64(bytes, position);
        string text = Encoding.Latin1.GetString(bytes, position + 8, length);
        position += 8 + length;
        return text;
    }

    private static void WriteText(BinaryWriter writer, string text) => writer.Write(TextOf(text));

    private static void Skip(byte[] bytes, uint type, ref int position)
    {
        if (type == Text)
        {
            position += 8 + (int)Math.Min(U64(bytes, position), int.MaxValue / 2);
        }
        else if (type == Array)
        {
            uint element = U32(bytes, position);
            ulong count = U64(bytes, position + 4);
            position += 12;
            for (ulong index = 0; index < count; index++)
                Skip(bytes, element, ref position);
        }
        else
        {
            position += ScalarLengths[type];
        }
    }
}
