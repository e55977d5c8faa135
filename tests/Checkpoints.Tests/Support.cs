using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-checkpoints-");

    public string Path => folder.FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A copy of a golden checkpoint that a test may damage.</summary>
    public string Copy(string checkpoint)
    {
        string source = Goldens.Folder(checkpoint),
            target = File(checkpoint);
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = System.IO.Path.Combine(target, System.IO.Path.GetRelativePath(source, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            System.IO.File.Copy(file, copy);
        }

        return target;
    }

    public void Dispose() => folder.Delete(recursive: true);
}

/// <summary>The checkpoints of tests/goldens/checkpoints.</summary>
internal static class Goldens
{
    public static string Folder(string checkpoint) => Engine.Tests.RepositoryRoot.Path("tests", "goldens", "checkpoints", checkpoint);

    public static IEnumerable<string> WithExpected() =>
        Directory
            .EnumerateDirectories(Folder(""))
            .Where(static folder => System.IO.File.Exists(System.IO.Path.Combine(folder, "expected.json")))
            .Select(static folder => System.IO.Path.GetFileName(folder))
            .Order();

    public static JsonElement Expected(string checkpoint, string name = "expected.json") =>
        JsonDocument.Parse(System.IO.File.ReadAllText(System.IO.Path.Combine(Folder(checkpoint), name))).RootElement;
}

/// <summary>Describes a file as tests/goldens/checkpoints/llama_cpp.py does.</summary>
internal static class Described
{
    public static SortedDictionary<string, string> Keys(GgufFile file) =>
        new(file.Metadata.ToDictionary(static entry => entry.Key, static entry => Key(entry.Value)), StringComparer.Ordinal);

    public static SortedDictionary<string, string> Keys(JsonElement expected) =>
        new(
            expected.GetProperty("keys").EnumerateObject().ToDictionary(static entry => entry.Name, static entry => Key(entry.Value)),
            StringComparer.Ordinal
        );

    public static SortedDictionary<string, string> Tensors(GgufFile file) =>
        new(
            file.Tensors.ToDictionary(
                static tensor => tensor.Name,
                tensor =>
                    $"{tensor.Type} [{string.Join(", ", tensor.Shape)}] {Digest(file.GetTensorData(tensor, 0, (int)tensor.ByteLength))}"
            ),
            StringComparer.Ordinal
        );

    public static SortedDictionary<string, string> Tensors(JsonElement expected) =>
        new(
            expected
                .GetProperty("tensors")
                .EnumerateObject()
                .ToDictionary(
                    static entry => entry.Name,
                    static entry =>
                        $"{entry.Value.GetProperty("type").GetString()} "
                        + $"[{string.Join(", ", entry.Value.GetProperty("shape").EnumerateArray().Select(static n => n.GetInt64()))}]"
                        + $" {entry.Value.GetProperty("sha256").GetString()}"
                ),
            StringComparer.Ordinal
        );

    public static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static string Key(GgufValue value)
    {
        if (value.Type != GgufValueType.Array)
            return $"{value.Kind} {Scalar(value)}";
        byte[] bytes =
            value.TryGetArray(out ReadOnlyMemory<string> texts) ? Encoding.UTF8.GetBytes(string.Join('\n', texts.ToArray()))
            : value.TryGetArray(out ReadOnlyMemory<float> numbers) ? Bytes(numbers.ToArray())
            : value.TryGetArray(out ReadOnlyMemory<int> integers) ? Bytes(integers.ToArray())
            : value.TryGetArray(out ReadOnlyMemory<bool> flags) ? Bytes(Array.ConvertAll(flags.ToArray(), static flag => flag ? 1 : 0))
            : value.TryGetArray(out ReadOnlyMemory<byte> raw) ? raw.ToArray()
            : throw new InvalidOperationException(value.Kind);
        return $"{value.Kind} x{value.Count} {Digest(bytes)}";
    }

    private static byte[] Bytes<T>(T[] values)
        where T : unmanaged => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private static string Scalar(GgufValue value) =>
        value.TryGet(out float single) ? Number(single)
        : value.TryGet(out string? text) ? text!
        : value.TryGet(out bool flag) ? (flag ? "True" : "False")
        : value.TryGetInteger(0, out Int128 integer) ? integer.ToString(CultureInfo.InvariantCulture)
        : value.ToString();

    private static string Number(float value) => value.ToString("G7", CultureInfo.InvariantCulture);

    private static string Key(JsonElement entry)
    {
        string kind = entry.GetProperty("kind").GetString()!;
        if (!entry.TryGetProperty("value", out JsonElement value))
            return $"{kind} x{entry.GetProperty("count").GetInt32()} {entry.GetProperty("sha256").GetString()}";
        return $"{kind} "
            + value.ValueKind switch
            {
                JsonValueKind.String => value.GetString(),
                JsonValueKind.True => "True",
                JsonValueKind.False => "False",
                _ => kind == "float32" ? Number((float)value.GetDouble()) : value.GetRawText(),
            };
    }
}
