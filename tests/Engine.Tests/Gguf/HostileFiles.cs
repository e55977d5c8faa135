using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

/// <summary>Files that must be refused, and what the sentence must contain. Grouped by what they attack.</summary>
internal static class HostileFiles
{
    private const ulong Huge = ulong.MaxValue;

    public static readonly (string Name, byte[] Bytes, string Fragment)[] All =
    [
        // Something else than GGUF.
        ("text", "hello world"u8.ToArray(), "this is not a GGUF file"),
        ("one byte", "G"u8.ToArray(), "this is not a GGUF file"),
        ("safetensors", [0x40, 0, 0, 0, 0, 0, 0, 0, .. "{\"w\":{}}"u8], "this is a safetensors file"),
        ("zip", "PK\x03\x04 and more"u8.ToArray(), "zip archive or PyTorch"),
        ("png", [0x89, .. "PNG\r\n"u8], "a PNG picture"),
        ("jpeg", [0xFF, 0xD8, 0xFF, 0xE0], "a JPEG picture"),
        ("webp", [.. "RIFF"u8, 1, 2, 3, 4, .. "WEBP"u8], "a WebP picture"),
        ("gzip", [0x1F, 0x8B, 8, 0], "a gzip archive"),
        ("html", "\n<!DOCTYPE html><html>"u8.ToArray(), "a web page"),
        ("git lfs", "version https://git-lfs.example/spec/v1\noid"u8.ToArray(), "a Git LFS pointer"),
        ("ggjt", "tjgg\x03\0\0\0"u8.ToArray(), "older than GGUF"),
        ("zeros", new byte[100], "a file of zeros"),
        // Versions.
        ("version 0", RawGguf.Start(0, 0, version: 0).ToArray(), "GGUF version 0"),
        ("version 1", RawGguf.Start(0, 0, version: 1).ToArray(), "GGUF version 1"),
        ("version 4", RawGguf.Start(0, 0, version: 4).ToArray(), "a newer Tessera"),
        ("big endian", RawGguf.Start(0, 0, version: 0x03000000).ToArray(), "big-endian"),
        // Counts and lengths that the file cannot keep.
        ("magic only", "GGUF"u8.ToArray(), "the header needs 4 more bytes, but only 0 remain"),
        ("cut in counts", RawGguf.Start(0, 0).ToArray()[..20], "the header needs 8 more bytes"),
        ("tensor count", RawGguf.Start(Huge, 0).ToArray(), "the header claims 18446744073709551615 tensors"),
        ("tensor count just too large", RawGguf.Start(2, 0).Bytes(new byte[57]).ToArray(), "the header claims 2 tensors"),
        ("entry count", RawGguf.Start(0, 1UL << 40).ToArray(), "claims 1099511627776 metadata entries"),
        (
            "key length",
            RawGguf.Start(0, 1).U64(Huge).Bytes(new byte[40]).ToArray(),
            "metadata entry 0 claims a text of 18446744073709551615"
        ),
        ("key beyond end", RawGguf.Start(0, 1).U64(60000).Bytes(new byte[40]).ToArray(), "metadata entry 0 claims a text of 60000 bytes"),
        ("string length", Entry("k", GgufValueType.String).U64(1UL << 62).ToArray(), "key 'k' claims a text of 4611686018427387904"),
        (
            "array length",
            Entry("k", GgufValueType.Array).Array(GgufValueType.Int64, 1UL << 61).Bytes(new byte[64]).ToArray(),
            "key 'k' claims 2305843009213693952 elements"
        ),
        (
            "string array length",
            Entry("k", GgufValueType.Array).Array(GgufValueType.String, 9).Bytes(new byte[64]).ToArray(),
            "key 'k' claims 9 elements, but only 64 remain"
        ),
        (
            "nested array length",
            Entry("k", GgufValueType.Array).Array(GgufValueType.Array, 6).Bytes(new byte[64]).ToArray(),
            "claims 6 elements"
        ),
        ("value cut", Entry("key", GgufValueType.Float64).U32(1).ToArray(), "key 'key' needs 8 more bytes, but only 4 remain"),
        (
            "one entry too many",
            Entry("k", GgufValueType.UInt8, entryCount: 2).Bytes([1]).Bytes(new byte[14]).ToArray(),
            "entry 1 has an empty key"
        ),
        // Metadata that contradicts itself.
        ("empty key", Entry("", GgufValueType.UInt32).U32(1).ToArray(), "metadata entry 0 has an empty key"),
        (
            "key twice",
            Entry("k", GgufValueType.UInt32, entryCount: 2).U32(1).Key("k", GgufValueType.UInt32).U32(2).ToArray(),
            "key 'k' occurs twice"
        ),
        (
            "key not UTF-8",
            RawGguf.Start(0, 1).Text([0xC3, 0x28]).U32(4).U32(1).ToArray(),
            "metadata entry 0 holds a text that is not valid UTF-8"
        ),
        ("surrogate", Entry("k", GgufValueType.String).Text([0xED, 0xA0, 0x80]).ToArray(), "key 'k' holds a text that is not valid UTF-8"),
        ("unknown kind", Entry("k", (GgufValueType)13).U64(0).ToArray(), "key 'k' holds a value of the unknown kind 13"),
        ("negative kind", Entry("k", (GgufValueType)(-1)).U64(0).ToArray(), "unknown kind 4294967295"),
        ("unknown element kind", Entry("k", GgufValueType.Array).Array((GgufValueType)99, 0).ToArray(), "unknown kind 99"),
        ("bool of 2", Entry("k", GgufValueType.Bool).Bytes([2]).ToArray(), "key 'k' holds the bool 2"),
        ("bool array", Entry("k", GgufValueType.Array).Array(GgufValueType.Bool, 2).Bytes([1, 255]).ToArray(), "holds the bool 255"),
        ("nesting", Nested(GgufMetadataReader.MaxArrayDepth + 1), "key 'k' holds arrays nested deeper than 8"),
        ("nesting without end", Nested(10_000), "nested deeper than 8"),
        ("terminal escape", Entry("\u001b[2J\u202e", (GgufValueType)50).U32(1).ToArray(), "key '?[2J?' holds"),
        ("alignment 0", Alignment(0), "'general.alignment' is 0, not a power of two"),
        ("alignment 48", Alignment(48), "'general.alignment' is 48"),
        ("alignment of 2 GiB", Alignment(1u << 31), "'general.alignment' is 2147483648"),
        ("alignment text", Entry("general.alignment", GgufValueType.String).Text("32").ToArray(), "is of kind string, but an integer"),
        // The tensor table.
        ("empty name", Tensors(1).Tensor("", GgufTensorType.F32, 0, 2).Data(8).ToArray(), "tensor entry 0 has an empty name"),
        (
            "long name",
            Tensors(1).Tensor(new string('n', 256), GgufTensorType.F32, 0, 2).Data(8).ToArray(),
            "claims a name of 256 bytes; 255"
        ),
        ("name not UTF-8", Tensors(1).Text([0xFF]).Bytes(new byte[40]).ToArray(), "tensor entry 0 holds a text that is not valid UTF-8"),
        (
            "tensor twice",
            Tensors(2).Tensor("t", GgufTensorType.F32, 0, 2).Tensor("t", GgufTensorType.F32, 32, 2).Data(64).ToArray(),
            "tensor 't' occurs twice"
        ),
        ("no dimension", Tensors(1).Tensor("t", GgufTensorType.F32, 0).Data(64).ToArray(), "tensor 't' has 0 dimensions"),
        ("five dimensions", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 1, 1, 1, 1, 1).Data(64).ToArray(), "tensor 't' has 5 dimensions"),
        ("endless dimensions", Tensors(1).Text("t").U32(uint.MaxValue).Bytes(new byte[64]).ToArray(), "has 4294967295 dimensions"),
        ("zero dimension", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 4, 0).Data(64).ToArray(), "impossible shape [4, 0]"),
        ("negative dimension", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 4, Huge).Data(64).ToArray(), "impossible shape [4, -1]"),
        ("element overflow", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 1UL << 32, 1UL << 32).Data(64).ToArray(), "impossible shape"),
        ("byte overflow", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 1UL << 61).Data(64).ToArray(), "impossible shape"),
        (
            "overflow to a small size",
            Tensors(1).Tensor("t", GgufTensorType.F32, 0, (1UL << 62) + 1, 4).Data(64).ToArray(),
            "impossible shape"
        ),
        (
            "removed type",
            Tensors(1).Tensor("t", (GgufTensorType)31, 0, 32).Data(64).ToArray(),
            "tensor 't' is of the unknown tensor type 31"
        ),
        ("future type", Tensors(1).Tensor("t", (GgufTensorType)43, 0, 32).Data(64).ToArray(), "unknown tensor type 43"),
        ("negative type", Tensors(1).Tensor("t", (GgufTensorType)(-1), 0, 32).Data(64).ToArray(), "unknown tensor type 4294967295"),
        ("part of a block", Tensors(1).Tensor("t", GgufTensorType.Q4_K, 0, 128, 2).Data(999).ToArray(), "rows of 128 elements, which Q4_K"),
        ("table cut", Tensors(1).Tensor("tensor", GgufTensorType.F32, 0, 2).ToArray()[..^4], "tensor 'tensor' needs 8 more bytes"),
        // Tensor data.
        ("unaligned", Tensors(1).Tensor("t", GgufTensorType.F32, 4, 2).Data(64).ToArray(), "data offset 4, which is not a multiple of 32"),
        (
            "no data",
            Tensors(1).Tensor("t", GgufTensorType.F32, 0, 2).ToArray(),
            "tensor 't' has 8 bytes of data at offset 0, but the file holds only 0"
        ),
        ("data cut", Tensors(1).Tensor("t", GgufTensorType.F32, 0, 2).Data(7).ToArray(), "but the file holds only 7 bytes of tensor data"),
        (
            "second cut",
            Tensors(2).Tensor("a", GgufTensorType.F32, 0, 2).Tensor("b", GgufTensorType.F32, 32, 2).Data(39).ToArray(),
            "tensor 'b' has 8 bytes"
        ),
        ("offset far away", Tensors(1).Tensor("t", GgufTensorType.F32, 1UL << 62, 2).Data(64).ToArray(), "at offset 4611686018427387904"),
        ("offset wraps", Tensors(1).Tensor("t", GgufTensorType.F32, Huge - 31, 2).Data(64).ToArray(), "impossible data offset"),
        (
            "same data",
            Tensors(2).Tensor("a", GgufTensorType.F32, 0, 2).Tensor("b", GgufTensorType.F32, 0, 2).Data(64).ToArray(),
            "'b' shares data with the tensor 'a'"
        ),
        (
            "overlap",
            Tensors(2).Tensor("a", GgufTensorType.F32, 32, 2).Tensor("b", GgufTensorType.F32, 0, 9).Data(64).ToArray(),
            "'a' shares data with the tensor 'b'"
        ),
        (
            "data behind a huge alignment",
            Entry("general.alignment", GgufValueType.UInt32, tensorCount: 1)
                .U32(1u << 30)
                .Tensor("t", GgufTensorType.F32, 0, 2)
                .Data(64)
                .ToArray(),
            "tensor 't' has 8 bytes"
        ),
    ];

    private static RawGguf Tensors(ulong count) => RawGguf.Start(count, 0);

    private static RawGguf Entry(string key, GgufValueType type, ulong entryCount = 1, ulong tensorCount = 0) =>
        RawGguf.Start(tensorCount, entryCount).Key(key, type);

    private static byte[] Alignment(uint alignment) => Entry("general.alignment", GgufValueType.UInt32).U32(alignment).ToArray();

    private static byte[] Nested(int depth)
    {
        RawGguf file = Entry("k", GgufValueType.Array);
        for (int i = 1; i < depth; i++)
            file.Array(GgufValueType.Array, 1);
        return file.Array(GgufValueType.UInt8, 0).ToArray();
    }
}
