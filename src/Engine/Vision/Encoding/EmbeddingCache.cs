namespace Tessera.Vision.Encoding;

/// <summary>
/// Keeps the embeddings of pictures by what they were made of: in memory up to a number of bytes, the least recently used going first,
/// and in a folder if there is one. Thread-safe.
/// </summary>
/// <param name="byteLimit">Bytes to keep in memory; 0 keeps none.</param>
/// <param name="folder">Keeps them on disk too; null for memory only.</param>
internal sealed class EmbeddingCache(long byteLimit, EmbeddingFolder? folder)
{
    private readonly Lock gate = new();
    private readonly Dictionary<MediaKey, LinkedListNode<Entry>> entries = [];
    private readonly LinkedList<Entry> byUse = [];

    /// <summary>Bytes in memory.</summary>
    public long ByteCount { get; private set; }

    /// <summary>Finds embeddings in memory or in the folder.</summary>
    /// <param name="key">What they were made of.</param>
    /// <param name="valueCount">How many numbers they have.</param>
    public ReadOnlyMemory<float>? Find(MediaKey key, int valueCount)
    {
        lock (gate)
        {
            if (entries.TryGetValue(key, out LinkedListNode<Entry>? found) && found.Value.Values.Length == valueCount)
            {
                byUse.Remove(found);
                byUse.AddFirst(found);
                return found.Value.Values;
            }
        }

        if (key.Origin != default || folder?.Find(key, valueCount) is not { } stored)
            return null;
        Remember(key, stored);
        return stored;
    }

    /// <summary>Keeps embeddings; those of a saved conversation in memory only.</summary>
    public void Add(MediaKey key, ReadOnlyMemory<float> values)
    {
        Remember(key, values);
        if (key.Origin == default)
            folder?.Add(key, values.Span);
    }

    private void Remember(MediaKey key, ReadOnlyMemory<float> values)
    {
        long length = (long)values.Length * sizeof(float);
        if (length > byteLimit)
            return;
        lock (gate)
        {
            if (entries.Remove(key, out LinkedListNode<Entry>? older))
                Forget(older);
            entries.Add(key, byUse.AddFirst(new Entry(key, values)));
            ByteCount += length;
            while (ByteCount > byteLimit && byUse.Last is { } last)
            {
                entries.Remove(last.Value.Key);
                Forget(last);
            }
        }
    }

    private void Forget(LinkedListNode<Entry> node)
    {
        byUse.Remove(node);
        ByteCount -= (long)node.Value.Values.Length * sizeof(float);
    }

    private readonly record struct Entry(MediaKey Key, ReadOnlyMemory<float> Values);
}
