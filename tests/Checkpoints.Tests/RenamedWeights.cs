using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Tessera.Checkpoints.Tests;

/// <summary>Safetensors with other names of their tensors.</summary>
internal static class RenamedWeights
{
    /// <summary>Writes a file's tensors under other names to another file, which may be the same.</summary>
    /// <param name="source">The file.</param>
    /// <param name="target">The other one.</param>
    /// <param name="rename">A tensor's other name.</param>
    /// <param name="more">Vectors of one zero that are added.</param>
    public static void Write(string source, string target, Func<string, string> rename, params string[] more)
    {
        byte[] bytes = File.ReadAllBytes(source);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var header = new JsonObject();
        foreach ((string name, JsonNode? entry) in JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject())
            header[name == "__metadata__" ? name : rename(name)] = entry!.DeepClone();
        int end = bytes.Length - 8 - length;
        for (int index = 0; index < more.Length; index++)
            header[more[index]] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray(1),
                ["data_offsets"] = new JsonArray(end + index * sizeof(float), end + (index + 1) * sizeof(float)),
            };
        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString()),
            result = new byte[8 + text.Length + end + more.Length * sizeof(float)];
        BinaryPrimitives.WriteInt64LittleEndian(result, text.Length);
        text.CopyTo(result, 8);
        bytes.AsSpan(8 + length).CopyTo(result.AsSpan(8 + text.Length));
        File.WriteAllBytes(target, result);
    }

    /// <summary>A name whose beginning is exchanged by the first rule that fits.</summary>
    public static string Exchange(string name, IEnumerable<(string From, string To)> rules)
    {
        foreach ((string from, string to) in rules)
            if (name.StartsWith(from, StringComparison.Ordinal))
                return to + name[from.Length..];
        return name;
    }
}
