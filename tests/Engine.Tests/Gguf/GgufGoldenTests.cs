using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

/// <summary>Reads and rewrites a file made by gguf-py; how it was made is in tests/goldens/gguf.</summary>
public class GgufGoldenTests
{
    private static readonly string GoldenPath = RepositoryRoot.Path("tests", "goldens", "gguf", "all_types.gguf");
    private static readonly JsonElement Golden = JsonDocument
        .Parse(File.ReadAllText(RepositoryRoot.Path("tests", "goldens", "gguf", "all_types.json")))
        .RootElement;

    [Fact]
    public void Golden_IsOfThisScriptAndFile()
    {
        // Without carriage returns, so that a checkout on Windows has the same digest.
        string script = File.ReadAllText(RepositoryRoot.Path("tests", "goldens", "gguf", "make_gguf_goldens.py"));
        Assert.Equal(Golden.GetProperty("script_sha256").GetString(), Digest(System.Text.Encoding.UTF8.GetBytes(script.Replace("\r", ""))));
        Assert.Equal(Golden.GetProperty("gguf_sha256").GetString(), Digest(File.ReadAllBytes(GoldenPath)));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Open_FindsWhatGgufPyWrote(uint version)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = File.ReadAllBytes(GoldenPath);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), version);
        using GgufFile file = GgufFile.Open(folder.File("golden.gguf", bytes));

        Assert.Equal(version, file.Version);
        Assert.Equal(bytes.Length, file.FileLength);
        Assert.Equal(Golden.GetProperty("alignment").GetInt32(), file.Alignment);
        Assert.Equal(Golden.GetProperty("architecture").GetString(), file.Metadata.RequireString("general.architecture"));
        AssertMetadata(file.Metadata);
        AssertTensors(file);
    }

    [Fact]
    public void Writer_WritesTheSameBytesAsGgufPy()
    {
        using var folder = new TemporaryFolder();
        using GgufFile file = GgufFile.Open(GoldenPath);
        var writer = new GgufWriter(file.Alignment);
        foreach ((string key, GgufValue value) in file.Metadata)
            writer.AddMetadata(key, value);
        foreach (GgufTensor tensor in file.Tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), file.GetTensorData(tensor, 0, (int)tensor.ByteLength));
        writer.Save(folder.File("copy.gguf"));
        Assert.Equal(File.ReadAllBytes(GoldenPath), File.ReadAllBytes(folder.File("copy.gguf")));
    }

    [Fact]
    public void TensorTypes_HaveTheBlockSizesOfGgufPy()
    {
        var expected = Golden
            .GetProperty("block_sizes")
            .EnumerateArray()
            .Select(row => (row[0].GetString()!, row[1].GetInt32(), row[2].GetInt32(), row[3].GetInt32()))
            .Order();
        var actual = Enum.GetValues<GgufTensorType>()
            .Select(type => (type.ToString(), (int)type, type.BlockLength(), type.BlockByteLength()))
            .Order();
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void TensorTypes_KnowNoNumberButThoseOfGgufPy()
    {
        IEnumerable<int> known = Enumerable.Range(-1, 300).Where(number => ((GgufTensorType)number).IsKnown());
        Assert.Equal(Golden.GetProperty("known_types").EnumerateArray().Select(number => number.GetInt32()), known);
    }

    private static void AssertMetadata(GgufMetadata metadata)
    {
        JsonElement[] expected = [.. Golden.GetProperty("metadata").EnumerateArray()];
        Assert.Equal(expected.Select(entry => entry.GetProperty("key").GetString()), metadata.Keys.Skip(2));
        foreach (JsonElement entry in expected)
        {
            GgufValue value = metadata[entry.GetProperty("key").GetString()!];
            Assert.Equal(entry.GetProperty("type").GetInt32(), (int)value.Type);
            Assert.Equal(entry.GetProperty("element_type").GetInt32(), (int)value.ElementType);
            AssertValue(entry.GetProperty("value"), value);
        }
    }

    private static void AssertValue(JsonElement expected, GgufValue value)
    {
        switch (value.ElementType)
        {
            case GgufValueType.UInt8:
                AssertContent(expected, value, json => json.GetByte());
                break;
            case GgufValueType.Int8:
                AssertContent(expected, value, json => json.GetSByte());
                break;
            case GgufValueType.UInt16:
                AssertContent(expected, value, json => json.GetUInt16());
                break;
            case GgufValueType.Int16:
                AssertContent(expected, value, json => json.GetInt16());
                break;
            case GgufValueType.UInt32:
                AssertContent(expected, value, json => json.GetUInt32());
                break;
            case GgufValueType.Int32:
                AssertContent(expected, value, json => json.GetInt32());
                break;
            case GgufValueType.Float32:
                AssertContent(expected, value, json => (float)json.GetDouble());
                break;
            case GgufValueType.Bool:
                AssertContent(expected, value, json => json.GetBoolean());
                break;
            case GgufValueType.String:
                AssertContent(expected, value, json => json.GetString()!);
                break;
            case GgufValueType.UInt64:
                AssertContent(expected, value, json => json.GetUInt64());
                break;
            case GgufValueType.Int64:
                AssertContent(expected, value, json => json.GetInt64());
                break;
            case GgufValueType.Float64:
                AssertContent(expected, value, json => json.GetDouble());
                break;
            default:
                AssertNested(expected, value);
                break;
        }
    }

    private static void AssertContent<T>(JsonElement expected, GgufValue value, Func<JsonElement, T> read)
        where T : notnull
    {
        if (value.TryGet(out T? scalar))
            Assert.Equal(read(expected), scalar);
        else if (value.TryGetArray(out ReadOnlyMemory<T> elements))
            Assert.Equal(expected.EnumerateArray().Select(read), elements.ToArray());
        else
            Assert.Fail($"{value.Kind} is neither {typeof(T)} nor an array of it.");
    }

    private static void AssertNested(JsonElement expected, GgufValue value)
    {
        Assert.True(value.TryGetArray(out ReadOnlyMemory<GgufValue> rows));
        Assert.Equal(expected.GetArrayLength(), rows.Length);
        for (int i = 0; i < rows.Length; i++)
            AssertContent(expected[i], rows.Span[i], json => json.GetInt32());
    }

    private static void AssertTensors(GgufFile file)
    {
        JsonElement[] expected = [.. Golden.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(expected.Length, file.Tensors.Count);
        foreach ((JsonElement entry, GgufTensor tensor) in expected.Zip(file.Tensors))
        {
            Assert.Equal(entry.GetProperty("name").GetString(), tensor.Name);
            Assert.Equal(entry.GetProperty("type").GetInt32(), (int)tensor.Type);
            Assert.Equal(entry.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64()), tensor.Shape);
            Assert.Equal(entry.GetProperty("elements").GetInt64(), tensor.ElementCount);
            Assert.Equal(entry.GetProperty("offset").GetInt64(), tensor.DataOffset);
            Assert.Equal(entry.GetProperty("bytes").GetInt64(), tensor.ByteLength);
            Assert.Equal(entry.GetProperty("sha256").GetString(), Digest(file.GetTensorData(tensor, 0, (int)tensor.ByteLength)));
        }
    }

    private static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
