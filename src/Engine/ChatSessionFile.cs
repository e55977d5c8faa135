using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tessera.Prompting;
using Tessera.Text;

namespace Tessera;

/// <summary>
/// A conversation in a file: a ZIP archive, stored uncompressed so that its entries cannot be larger than the file, with a manifest
/// that holds the digest of every other entry.
/// </summary>
internal sealed class ChatSessionFile(MultimodalModel model)
{
    private const int Format = 1;
    private const string ManifestName = "session.json";
    private const string KeysName = "cache/keys";
    private const string StateName = "cache/state";
    private const string EmbeddingsFolder = "embeddings/";
    private const long LargestState = 1L << 30;

    /// <exception cref="TesseraException">The file cannot be written.</exception>
    public async Task SaveAsync(string path, ChatSession session, IReadOnlyList<ConversationTurn> turns, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<string, byte[]>();
        SavedTurn[] saved = [.. turns.Select((turn, index) => Save(turn, index, entries))];
        foreach (ImageEmbeddings picture in model.CachedEmbeddings(turns)) entries[EmbeddingsFolder + picture.Key.Hash] = MemoryMarshal.AsBytes(picture.Values.Span).ToArray();
        if (await model.Scheduler.RunAsync((context, cache) => StateOf(session, context, cache)).ConfigureAwait(false) is var (keys, state)) (entries[KeysName], entries[StateName]) = (keys, state);
        var manifest = new SavedSession(Format, model.Fingerprint, session.Options.System, session.Options.Overflow, saved, entries.ToDictionary(static entry => entry.Key, static entry => DigestOf(entry.Value)));
        entries[ManifestName] = JsonSerializer.SerializeToUtf8Bytes(manifest, SavedSessionJson.Default.SavedSession);
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            await Task.Run(() => Write(temporary, entries), cancellationToken).ConfigureAwait(false);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary)) File.Delete(temporary);
            throw new TesseraException($"{path}: the conversation cannot be saved ({failure.Message}).", failure);
        }
    }

    /// <exception cref="TesseraException">The file is damaged, or belongs to another model or version.</exception>
    public async Task<ChatSession> LoadAsync(string path, CancellationToken cancellationToken)
    {
        Dictionary<string, byte[]> entries;
        SavedSession manifest;
        try
        {
            entries = await Task.Run(() => Read(path), cancellationToken).ConfigureAwait(false);
            manifest = JsonSerializer.Deserialize(entries[ManifestName], SavedSessionJson.Default.SavedSession) ?? throw new JsonException();
            if (manifest.Format != Format) throw new TesseraException($"{path}: the conversation was saved by another version of Tessera (format {manifest.Format}, not {Format}).");
            if (manifest.Model != model.Fingerprint) throw new TesseraException($"{path}: the conversation was held with another model; load that one to continue it.");
            if (manifest.Digests.Any(digest => !entries.TryGetValue(digest.Key, out byte[]? entry) || DigestOf(entry) != digest.Value)) throw new InvalidDataException();
            ChatSession session = model.StartChat(new ChatSessionOptions { System = manifest.System, Overflow = manifest.Overflow });
            session.Restore(manifest.Turns.Select(turn => Load(turn, entries)));
            foreach ((string name, byte[] bytes) in entries.Where(static entry => entry.Key.StartsWith(EmbeddingsFolder, StringComparison.Ordinal)))
                model.Remember(new ImageKey(name[EmbeddingsFolder.Length..]), MemoryMarshal.Cast<byte, float>(bytes).ToArray());
            if (entries.TryGetValue(KeysName, out byte[]? keys) && entries.TryGetValue(StateName, out byte[]? state))
                await model.Scheduler.RunAsync((context, cache) => cache.Restore(context, session, MemoryMarshal.Cast<byte, ulong>(keys), state)).ConfigureAwait(false);
            return session;
        }
        catch (Exception failure) when (failure is InvalidDataException or JsonException or KeyNotFoundException or ArgumentException or EndOfStreamException or FormatException)
        {
            throw new TesseraException($"{path}: it is no saved conversation, or it is damaged.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: the conversation cannot be read ({failure.Message}).", failure);
        }
    }

    private static SavedTurn Save(ConversationTurn turn, int index, Dictionary<string, byte[]> entries)
    {
        var pictures = new List<SavedPicture>();
        for (int number = 0; number < turn.Images.Count; number++)
        {
            string name = $"pictures/{index}-{number}";
            entries[name] = turn.Images[number].Data.ToArray();
            pictures.Add(new SavedPicture(turn.Images[number].Name, name));
        }

        GeneratedAnswer answer = turn.Answer!;
        return new SavedTurn(turn.Text, pictures, turn.Limits.MaxSlices, turn.Limits.MaxImageTokens, answer.Text, answer.Generated, answer.Ids);
    }

    private static ConversationTurn Load(SavedTurn turn, Dictionary<string, byte[]> entries) => new(turn.Text,
        [.. turn.Pictures.Select(picture => new PromptImage(entries[picture.Entry], picture.Name))],
        new PlanRequest { MaxSlices = turn.MaxSlices, MaxImageTokens = turn.MaxImageTokens }, new GeneratedAnswer(turn.Answer, turn.Generated, turn.Ids));

    private static (byte[] Keys, byte[] State)? StateOf(ChatSession session, LanguageContext context, SequenceCache cache)
    {
        CachedSequence? held = cache.All.Where(sequence => sequence.Owner == session && !sequence.IsBusy).MaxBy(static sequence => sequence.LastUse);
        if (held is null || held.Length == 0 || context.StateLength(held.Id) > LargestState) return null;
        return (MemoryMarshal.AsBytes(held.Keys).ToArray(), context.Save(held.Id));
    }

    private static void Write(string path, Dictionary<string, byte[]> entries)
    {
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach ((string name, byte[] bytes) in entries)
        {
            using Stream stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
            stream.Write(bytes);
        }
    }

    private static Dictionary<string, byte[]> Read(string path)
    {
        var entries = new Dictionary<string, byte[]>();
        using ZipArchive archive = ZipFile.OpenRead(path);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            if (entry.Length != entry.CompressedLength || entry.Length > Array.MaxLength) throw new InvalidDataException();
            var bytes = new byte[entry.Length];
            using Stream stream = entry.Open();
            stream.ReadExactly(bytes);
            entries[entry.FullName] = bytes;
        }

        return entries;
    }

    private static string DigestOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}

internal sealed record SavedSession(int Format, string Model, string? System, ContextOverflow Overflow, IReadOnlyList<SavedTurn> Turns, IReadOnlyDictionary<string, string> Digests);

internal sealed record SavedTurn(string Text, IReadOnlyList<SavedPicture> Pictures, int? MaxSlices, int? MaxImageTokens, string Answer, string Generated, IReadOnlyList<int> Ids);

internal sealed record SavedPicture(string Name, string Entry);

[JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SavedSession))]
internal sealed partial class SavedSessionJson : JsonSerializerContext;
