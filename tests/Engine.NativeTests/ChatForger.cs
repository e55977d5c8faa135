using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Tessera.Engine.NativeTests;

/// <summary>Rewrites a saved conversation as somebody would who wants to harm: its digests are right again afterwards.</summary>
internal sealed class ChatForger
{
    private const string ManifestName = "session.json";

    // Magic number, sequence, number of streams; then the number of cells (ggml-org/llama.cpp v0.5.0), or none of the first two.
    private const uint Magic = 0xAF143CD8;

    private readonly Dictionary<string, byte[]> entries = [];

    public ChatForger(string path)
    {
        using ZipArchive archive = ZipFile.OpenRead(path);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using Stream stream = entry.Open();
            var bytes = new byte[entry.Length];
            stream.ReadExactly(bytes);
            entries[entry.FullName] = bytes;
        }

        Manifest = JsonNode.Parse(entries[ManifestName])!.AsObject();
        entries.Remove(ManifestName);
    }

    public JsonObject Manifest { get; }

    public JsonArray AllTurns => Manifest["Turns"]!.AsArray();

    public JsonObject FirstTurn => AllTurns[0]!.AsObject();

    public byte[] State
    {
        get => entries["cache/state"];
        set => entries["cache/state"] = value;
    }

    /// <summary>Where the state says how many cells it has.</summary>
    public int CellCountPlace => BinaryPrimitives.ReadUInt32LittleEndian(State) == Magic ? 12 : 4;

    public IEnumerable<string> Names => entries.Keys;

    public byte[] this[string name]
    {
        get => entries[name];
        set => entries[name] = value;
    }

    public void SetStateNumber(int place, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(State.AsSpan(place), value);

    public void Write(string path)
    {
        var digests = new JsonObject();
        foreach ((string name, byte[] bytes) in entries)
            digests[name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Manifest["Digests"] = digests;
        File.Delete(path);
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (
            (string name, byte[] bytes) in entries.Append(new(ManifestName, System.Text.Encoding.UTF8.GetBytes(Manifest.ToJsonString())))
        )
        {
            using Stream stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
            stream.Write(bytes);
        }
    }
}
