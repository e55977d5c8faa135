using System.Runtime.InteropServices;
using System.Text.Json;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Scheduling;
using Tessera.Vision.Encoding;

namespace Tessera.Answers;

/// <summary>
/// Saves conversations to files and loads them. A file may come from anyone: what it says is checked against the model before anything is
/// made of it. Its turns are taken as they are, or the file is refused; what it says was computed from them is held apart from what other
/// conversations compute, and left out, to be computed again, where it is not what this model could have computed.
/// </summary>
internal sealed class ChatSessionFile(MultimodalModel model)
{
    private const string KeysName = "cache/keys";
    private const string StateName = "cache/state";
    private const string EmbeddingsFolder = "embeddings/";
    private const long LargestState = 1L << 30;

    // Offsets in a ZIP archive that .NET writes in the short form end at 4 GiB; the directory needs a part of them.
    private const long LargestFile = (1L << 32) - (1 << 26);

    /// <exception cref="TesseraException">The file cannot be written.</exception>
    public async Task SaveAsync(
        string path,
        ChatSession session,
        IReadOnlyList<ConversationTurn> turns,
        CancellationToken cancellationToken
    )
    {
        var entries = new Dictionary<string, byte[]>();
        SavedTurn[] saved = [.. turns.Select((turn, index) => Save(turn, index, entries))];
        foreach (MediaEmbeddings picture in model.CachedEmbeddings(turns, session.Origin))
            entries[EmbeddingsFolder + picture.Key.Hash] = MemoryMarshal.AsBytes(picture.Values.Span).ToArray();
        if (await model.Scheduler.RunAsync((context, cache) => StateOf(session, context, cache)).ConfigureAwait(false) is var (keys, state))
            (entries[KeysName], entries[StateName]) = (keys, state);
        var manifest = new SavedSession(
            SavedSession.CurrentFormat,
            model.Fingerprint,
            session.Options.System,
            session.Options.Overflow,
            saved,
            entries.ToDictionary(static entry => entry.Key, entry => Digest(entry.Value, cancellationToken))
        );
        byte[] json = entries[ChatArchive.ManifestName] = manifest.ToJson();
        if (json.Length > ChatArchive.LargestManifest || entries.Values.Sum(static entry => entry.LongLength) > LargestFile)
            throw new TesseraException($"{path}: the conversation is too large to be saved.");
        try
        {
            await Task.Run(() => ChatArchive.Write(path, entries, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: the conversation cannot be saved ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    /// <exception cref="TesseraException">The file is damaged, or belongs to another model or version.</exception>
    public async Task<ChatSession> LoadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            using ChatArchive archive = await Task.Run(() => ChatArchive.Open(path, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            SavedSession manifest = SavedSession.Parse(archive.ReadManifest());
            if (manifest.Format != SavedSession.CurrentFormat)
                throw new TesseraException(
                    $"the conversation was saved by another version of Tessera (format {manifest.Format}, not "
                        + $"{SavedSession.CurrentFormat})."
                );
            if (manifest.Model != model.Fingerprint)
                throw new TesseraException("the conversation was held with another model; load that one to continue it.");
            var loading = new ChatSessionLoad(model, archive, manifest);
            ConversationTurn[] turns = await Task.Run(loading.Turns, cancellationToken).ConfigureAwait(false);
            ChatSession session = model.StartChat(new ChatSessionOptions { System = manifest.System, Overflow = manifest.Overflow });
            try
            {
                session.Restore(turns, KeyOrigin.Next());
                await Task.Run(() => loading.RestoreEmbeddings(turns, session.Origin), cancellationToken).ConfigureAwait(false);
                await loading.RestoreStateAsync(session).ConfigureAwait(false);
                return session;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        catch (TesseraException failure)
        {
            throw new TesseraException($"{path}: {failure.Message}", failure);
        }
        catch (Exception failure) when (failure is InvalidDataException or JsonException or EndOfStreamException)
        {
            throw new TesseraException($"{path}: it is no saved conversation, or it is damaged.", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new TesseraException($"{path}: the conversation cannot be read ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    private static string Digest(byte[] bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ChatArchive.DigestOf(bytes);
    }

    private static SavedTurn Save(ConversationTurn turn, int index, Dictionary<string, byte[]> entries)
    {
        var pictures = new List<SavedImage>();
        var videos = new List<SavedVideo>();
        foreach (PromptMedia media in turn.Media)
        {
            if (media is PromptVideo)
                videos.Add(new SavedVideo(media.Name, pictures.Count, media.Frames.Count));
            foreach (PromptImage frame in media.Frames)
            {
                string name = $"pictures/{index}-{pictures.Count}";
                entries[name] = frame.Data.ToArray();
                pictures.Add(new SavedImage(frame.Name, name));
            }
        }

        GeneratedAnswer answer = turn.Answer!;
        return new SavedTurn(
            turn.Text,
            pictures,
            turn.Limits.MaxSlices,
            turn.Limits.MaxImageTokens,
            answer.Text,
            answer.Generated,
            answer.Ids,
            videos.Count > 0 ? videos : null
        );
    }

    private static (byte[] Keys, byte[] State)? StateOf(ChatSession session, ILanguage context, SequenceCache cache)
    {
        CachedSequence? held = cache
            .All.Where(sequence => sequence.Owner == session && !sequence.IsBusy)
            .MaxBy(static sequence => sequence.LastUse);
        if (held is null || held.Length == 0 || context.StateLength(held.Id) > LargestState)
            return null;
        if (!held.IsConsecutive && context.PositionsOf(held.Id) is null)
            return null;
        ulong[] keys = [.. held.Keys.ToArray().Select(session.Origin.Apply)];
        return (MemoryMarshal.AsBytes(keys.AsSpan()).ToArray(), context.Save(held.Id));
    }

    /// <summary>What is read of one file.</summary>
    private sealed class ChatSessionLoad(MultimodalModel model, ChatArchive archive, SavedSession manifest)
    {
        private readonly Dictionary<string, byte[]> pictures = [];

        /// <summary>The turns, in which the model finds nothing wrong.</summary>
        public ConversationTurn[] Turns()
        {
            ConversationTurn[] turns =
            [
                .. manifest.Turns.Select(
                    (turn, index) =>
                        new ConversationTurn(
                            turn.Text,
                            turn.Media(picture => new PromptImage(Picture(picture.Entry), picture.Name)),
                            new PlanRequest { MaxSlices = turn.MaxSlices, MaxImageTokens = turn.MaxImageTokens },
                            model.Composer.AnswerOf(turn.Answer, Ids(turn, index))
                        )
                ),
            ];
            // Every picture is planned, and has its place in the text.
            if (turns.Length > 0)
                model.Composer.Compose(new Conversation(manifest.System, turns));
            return turns;
        }

        /// <summary>The embeddings of the pictures, for this conversation alone.</summary>
        public void RestoreEmbeddings(ConversationTurn[] turns, KeyOrigin origin)
        {
            foreach ((MediaKey key, int valueCount) in model.EmbeddingsOf(turns))
            {
                string name = EmbeddingsFolder + key.Hash;
                if (
                    archive.LengthOf(name) != (long)valueCount * sizeof(float)
                    || Whole(name, (long)valueCount * sizeof(float)) is not { } bytes
                )
                    continue;
                float[] values = MemoryMarshal.Cast<byte, float>(bytes).ToArray();
                if (FiniteNumbers.AreIn(values))
                    model.Remember(key with { Origin = origin }, values);
            }
        }

        /// <summary>The KV cache, if this model could have written it.</summary>
        public async Task RestoreStateAsync(ChatSession session)
        {
            if (
                archive.LengthOf(KeysName) is not { } keysLength
                || keysLength > (long)model.ContextLength * sizeof(ulong)
                || keysLength % sizeof(ulong) != 0
            )
                return;
            ulong[] keys = MemoryMarshal.Cast<byte, ulong>(Whole(KeysName, keysLength)).ToArray();
            if (keys.Length == 0 || !keys.All(model.Composer.IsKey))
                return;
            long longest = await model
                .Scheduler.RunAsync((context, cache) => cache.LongestState(context, keys.Length))
                .ConfigureAwait(false);
            if (
                archive.LengthOf(StateName) is not { } length
                || length > Math.Min(longest, Array.MaxLength)
                || Whole(StateName, length) is not { } state
            )
                return;
            ulong[] own = [.. keys.Select(session.Origin.Apply)];
            await model.Scheduler.RunAsync((context, cache) => cache.Restore(context, session, own, state)).ConfigureAwait(false);
        }

        private int[] Ids(SavedTurn turn, int index) =>
            turn.Ids.All(model.Composer.IsToken)
                ? [.. turn.Ids]
                : throw new TesseraException($"message {index + 1} of it has a token that the model does not have: the file is damaged.");

        private byte[] Picture(string name) =>
            pictures.TryGetValue(name, out byte[]? known)
                ? known
                : pictures[name] = Whole(name, Array.MaxLength) ?? throw new InvalidDataException();

        private byte[]? Whole(string name, long most) =>
            archive.Read(name, most) is not { } bytes ? null
            : manifest.Digests.TryGetValue(name, out string? digest) && ChatArchive.DigestOf(bytes) == digest ? bytes
            : throw new InvalidDataException();
    }
}
