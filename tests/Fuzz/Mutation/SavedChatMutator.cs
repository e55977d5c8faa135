using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Makes hostile saved chats of sound ones: archives whose entries are damaged, missing or foreign, most of them with digests that fit,
/// since who writes a chat can write those too.
/// </summary>
internal sealed class SavedChatMutator(IReadOnlyList<byte[]> originals)
{
    private const string ManifestName = "session.json";

    private static readonly JsonMutator Manifests = new(
        [
            "Format",
            "Model",
            "System",
            "Overflow",
            "Turns",
            "Digests",
            "Text",
            "Pictures",
            "MaxSlices",
            "MaxImageTokens",
            "Answer",
            "Generated",
            "Ids",
            "Name",
            "Entry",
            "x",
        ],
        [
            "",
            "pictures/0-0",
            "cache/state",
            "cache/keys",
            "session.json",
            "../../x",
            "\u001B[2J",
            "<__media__>",
            "<image>",
            "<s></s>",
            "Refuse",
            "0",
            new string('n', 3_000),
        ]
    );

    private readonly Dictionary<string, byte[]>[] entries = [.. originals.Select(Unpack)];

    public byte[] Make(Random random)
    {
        int number = random.Next(originals.Count);
        if (random.OneIn(10))
            return Damage.Copy(originals[number], random);
        Dictionary<string, byte[]> changed = new(entries[number]);
        for (int changes = random.Next(1, 4); changes > 0 && changed.Count > 0; changes--)
            Change(changed, random);
        if (!random.OneIn(10))
            Sign(changed);
        return Pack(changed, random);
    }

    private void Change(Dictionary<string, byte[]> chat, Random random)
    {
        string name = random.OneIn(3) && chat.ContainsKey(ManifestName) ? ManifestName : random.Pick(chat.Keys.ToArray());
        switch (random.Next(12))
        {
            case 0:
                chat.Remove(name);
                break;
            case 1:
                chat[name] = random.Pick(random.Pick(entries).Values.ToArray());
                break;
            case 2:
                chat[
                    random.Pick(
                        (string[])
                            [
                                "cache/state",
                                "cache/keys",
                                "embeddings/zz",
                                $"embeddings/{new string('a', 64)}",
                                "../x",
                                "/etc/x",
                                "a\0b",
                                "x",
                            ]
                    )
                ] = chat[name];
                break;
            case 3:
                chat[name] = [.. chat[name], .. new byte[random.Next(1, 5_000)]];
                break;
            case 4:
                chat[name] = chat[name][..random.Next(chat[name].Length + 1)];
                break;
            default:
                chat[name] = name == ManifestName ? ChangedManifest(chat[name], random) : ChangedBytes(chat[name], random);
                break;
        }
    }

    private static byte[] ChangedManifest(byte[] bytes, Random random)
    {
        try
        {
            return Manifests.Make(JsonNode.Parse(bytes) ?? new JsonObject(), random);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException or InvalidOperationException)
        {
            return Damage.Copy(bytes, random);
        }
    }

    // The state is little-endian numbers of four bytes, the first of which are counts.
    private static byte[] ChangedBytes(byte[] bytes, Random random)
    {
        if (random.OneIn(3) || bytes.Length < 8)
            return Damage.Copy(bytes, random, 64);
        byte[] copy = [.. bytes];
        for (int changes = random.Next(1, 3); changes > 0; changes--)
        {
            int at = random.Next(random.OneIn(2) ? Math.Min(16, copy.Length / 4) : copy.Length / 4) * 4;
            BitConverter.TryWriteBytes(copy.AsSpan(at), (uint)random.Number(BitConverter.ToUInt32(copy, at)));
        }

        return copy;
    }

    private static void Sign(Dictionary<string, byte[]> chat)
    {
        try
        {
            if (
                !chat.TryGetValue(ManifestName, out byte[]? bytes)
                || JsonNode.Parse(bytes) is not JsonObject { } manifest
                || manifest["Digests"] is not JsonObject
            )
                return;
            manifest["Digests"] = new JsonObject(
                chat.Where(static entry => entry.Key != ManifestName)
                    .Select(static entry =>
                        KeyValuePair.Create(entry.Key, (JsonNode?)Convert.ToHexStringLower(SHA256.HashData(entry.Value)))
                    )
            );
            chat[ManifestName] = JsonSerializer.SerializeToUtf8Bytes(manifest);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException or InvalidOperationException)
        {
            // A manifest that is no JSON any more needs no digests.
        }
    }

    private static Dictionary<string, byte[]> Unpack(byte[] file)
    {
        var found = new Dictionary<string, byte[]>();
        using var archive = new ZipArchive(new MemoryStream(file));
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using var bytes = new MemoryStream();
            using Stream stream = entry.Open();
            stream.CopyTo(bytes);
            found[entry.FullName] = bytes.ToArray();
        }

        return found;
    }

    private static byte[] Pack(Dictionary<string, byte[]> chat, Random random)
    {
        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in chat)
            {
                for (int copies = random.OneIn(40) ? 2 : 1; copies > 0; copies--)
                {
                    ZipArchiveEntry entry = archive.CreateEntry(
                        name,
                        random.OneIn(40) ? CompressionLevel.Fastest : CompressionLevel.NoCompression
                    );
                    entry.LastWriteTime = DateTimeOffset.UnixEpoch.AddYears(20);
                    using Stream stream = entry.Open();
                    stream.Write(bytes);
                }
            }
        }

        return file.ToArray();
    }
}
