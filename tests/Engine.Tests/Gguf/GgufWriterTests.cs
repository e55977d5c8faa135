using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

public class GgufWriterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(32)]
    [InlineData(4096)]
    public void Save_KeepsEveryTensorTypeAtEveryAlignment(int alignment)
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter(alignment);
        foreach (GgufTensorType type in Enum.GetValues<GgufTensorType>())
            writer.AddTensor($"t.{type}", type, [type.BlockLength() * 2L, 3], DataOf(type));
        writer.Save(folder.File("a.gguf"));

        using GgufFile file = GgufFile.Open(folder.File("a.gguf"));
        Assert.Equal(alignment, file.Alignment);
        foreach (GgufTensorType type in Enum.GetValues<GgufTensorType>())
        {
            Assert.True(file.TryGetTensor($"t.{type}", out GgufTensor? tensor));
            Assert.Equal(type, tensor.Type);
            Assert.Equal(0, tensor.DataOffset % alignment);
            Assert.True(DataOf(type).AsSpan().SequenceEqual(file.GetTensorData(tensor, 0, (int)tensor.ByteLength)));
        }
    }

    [Fact]
    public void Save_KeepsEmptyArraysAndNestedArrays()
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter();
        writer.AddMetadata("empty.int32", GgufValue.FromArray<int>([]));
        writer.AddMetadata("empty.string", GgufValue.FromArray<string>([]));
        GgufValue inner = GgufValue.FromArray<string>(["x", "y"]);
        GgufValue[] outer = [GgufValue.FromArray<GgufValue>([inner]), GgufValue.FromArray<bool>([true])];
        writer.AddMetadata("deep", GgufValue.FromArray<GgufValue>(outer));
        writer.Save(folder.File("a.gguf"));

        using GgufFile file = GgufFile.Open(folder.File("a.gguf"));
        Assert.Empty(file.Tensors);
        Assert.Empty(file.Metadata.RequireInt32Array("empty.int32"));
        Assert.Empty(file.Metadata.RequireStringArray("empty.string"));
        Assert.True(file.Metadata["deep"].TryGetArray(out ReadOnlyMemory<GgufValue> rows));
        Assert.True(rows.Span[0].TryGetArray(out ReadOnlyMemory<GgufValue> innerRows));
        Assert.Equal("[x, y]", innerRows.Span[0].ToString());
        Assert.Equal("[True]", rows.Span[1].ToString());
    }

    [Fact]
    public void AddTensor_TakesDataThatIsWrittenLater()
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter();
        writer.AddTensor(
            "late",
            GgufTensorType.I16,
            [300],
            stream =>
            {
                for (int i = 0; i < 300; i++)
                    stream.Write([(byte)i, (byte)(i >> 8)]);
            }
        );
        writer.Save(folder.File("a.gguf"));
        using GgufFile file = GgufFile.Open(folder.File("a.gguf"));
        Assert.Equal([299 & 255, 1], file.GetTensorData(file.Tensors[0], 598, 2).ToArray());
    }

    [Fact]
    public void AddTensor_RefusesWhatCannotBeStored()
    {
        var writer = new GgufWriter();
        writer.AddTensor("w", GgufTensorType.F32, [2], new byte[8]);
        Refuses("there already", () => writer.AddTensor("w", GgufTensorType.F32, [2], new byte[8]));
        Refuses("takes 8 bytes, not 7", () => writer.AddTensor("x", GgufTensorType.F32, [2], new byte[7]));
        Refuses("rows of 33 elements", () => writer.AddTensor("x", GgufTensorType.Q8_0, [33], new byte[34]));
        Refuses("impossible shape [2, 0]", () => writer.AddTensor("x", GgufTensorType.F32, [2, 0], []));
        Refuses("0 dimensions", () => writer.AddTensor("x", GgufTensorType.F32, [], new byte[4]));
        Refuses("unknown tensor type 4", () => writer.AddTensor("x", (GgufTensorType)4, [32], new byte[20]));
        Refuses("longer than 63 bytes", () => writer.AddTensor(new string('n', 64), GgufTensorType.F32, [1], new byte[4]));
        Refuses("empty string", () => writer.AddTensor("", GgufTensorType.F32, [1], new byte[4]));
    }

    [Fact]
    public void AddMetadata_RefusesWhatCannotBeStored()
    {
        var writer = new GgufWriter(64);
        writer.AddMetadata("k", 1u);
        writer.AddMetadata("general.alignment", 64u);
        Refuses("there already", () => writer.AddMetadata("k", 2u));
        Refuses("alignment is 64", () => writer.AddMetadata("general.alignment", 32u));
        Refuses("cannot hold a Decimal", () => writer.AddMetadata("d", 1m));
        Refuses("65535 bytes", () => writer.AddMetadata(new string('k', 65536), 1u));
        Refuses("null", () => GgufValue.FromArray<string>([null!]));
        Refuses("not an array", () => GgufValue.FromArray<GgufValue>([GgufValue.From(1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GgufWriter(48));
    }

    [Theory]
    [InlineData(7, "1 bytes short")]
    [InlineData(9, "takes 8 bytes")]
    public void Save_LeavesTheOldFileWhenACallbackWritesTheWrongLength(int written, string fragment)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.gguf", [1, 2, 3]);
        var writer = new GgufWriter();
        writer.AddTensor("w", GgufTensorType.F32, [2], stream => stream.Write(new byte[written]));
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => writer.Save(path));
        Assert.Contains(fragment, failure.Message);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.FullName));
    }

    [Fact]
    public void Save_SaysWhyItCannotWrite()
    {
        using var folder = new TemporaryFolder();
        var failure = Assert.Throws<ModelFileException>(() => new GgufWriter().Save(folder.File("missing/a.gguf")));
        Assert.Contains("cannot be written", failure.Message);
        Directory.CreateDirectory(folder.File("taken"));
        Assert.Throws<ModelFileException>(() => new GgufWriter().Save(folder.File("taken")));
        Assert.Single(Directory.GetFileSystemEntries(folder.FullName));
    }

    private static byte[] DataOf(GgufTensorType type)
    {
        var data = new byte[type.BlockByteLength() * 6];
        new Random((int)type).NextBytes(data);
        return data;
    }

    private static void Refuses(string fragment, Action action) =>
        Assert.Contains(fragment, Assert.ThrowsAny<ArgumentException>(action).Message);
}
