using System.Diagnostics.CodeAnalysis;

namespace Tessera;

/// <summary>Makes embeddings of pictures, each of which is encoded once as long as the cache remembers it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore that is disposed forgets waiters whose cancellation is on its way: they would wait for ever.")]
internal sealed class PictureEncoder(VisionModel vision, EmbeddingCache cache)
{
    private readonly SemaphoreSlim turn = new(1, 1);

    /// <summary>The embeddings of a prompt's pictures: from the cache where it has them, the others made together.</summary>
    /// <param name="pictures">The pictures with their plans.</param>
    /// <param name="progress">Told the fraction of slices.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    public async Task<IReadOnlyList<ImageEmbeddings>> EncodeAsync(IReadOnlyList<PlannedPicture> pictures, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        ImageKey[] keys = [.. pictures.Select(picture => KeyOf(picture))];
        Dictionary<ImageKey, ImageEmbeddings> known = FindAll(keys, pictures);
        if (keys.All(known.ContainsKey)) return [.. keys.Select(key => known[key])];

        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Another answer may have encoded the same picture while this one waited.
            known = FindAll(keys, pictures);
            int[] missing = [.. Enumerable.Range(0, keys.Length).Where(index => !known.ContainsKey(keys[index])).DistinctBy(index => keys[index])];
            foreach (ImageEmbeddings made in await Task.Run(() => Encode(missing, keys, pictures, progress, cancellationToken), cancellationToken).ConfigureAwait(false)) known[made.Key] = made;
            return [.. keys.Select(key => known[key])];
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The embeddings of a prompt's pictures that are in the cache, to be saved.</summary>
    public IEnumerable<ImageEmbeddings> Cached(IReadOnlyList<PlannedPicture> pictures) => FindAll([.. pictures.Select(picture => KeyOf(picture))], pictures).Values;

    /// <summary>Puts saved embeddings into the cache.</summary>
    public void Remember(ImageKey key, float[] values) => cache.Add(key, values);

    private ImageKey KeyOf(PlannedPicture picture) => ImageKey.Of(picture.Image, vision.Fingerprint, picture.Plan);

    private Dictionary<ImageKey, ImageEmbeddings> FindAll(ImageKey[] keys, IReadOnlyList<PlannedPicture> pictures)
    {
        var found = new Dictionary<ImageKey, ImageEmbeddings>();
        for (int index = 0; index < keys.Length; index++)
            if (cache.Find(keys[index], pictures[index].Plan.ImageTokenCount * vision.EmbeddingWidth) is { } values) found[keys[index]] = new ImageEmbeddings(values, keys[index]) { IsCached = true };
        return found;
    }

    private List<ImageEmbeddings> Encode(int[] indices, ImageKey[] keys, IReadOnlyList<PlannedPicture> pictures, IProgress<EngineProgress>? progress, CancellationToken cancellationToken)
    {
        if (indices.Length == 0) return [];
        IReadOnlyList<ImageEncoding> encodings = vision.Encode([.. indices.Select(index => pictures[index].Image)], [.. indices.Select(index => pictures[index].Request)], progress, cancellationToken);
        var made = new List<ImageEmbeddings>();
        for (int number = 0; number < indices.Length; number++)
        {
            ImageEncoding encoding = encodings[number];
            cache.Add(keys[indices[number]], encoding.Embeddings);
            made.Add(new ImageEmbeddings(encoding.Embeddings, keys[indices[number]]) { PreprocessMs = encoding.PreprocessMs, EncodeMs = encoding.EncodeMs });
        }

        return made;
    }
}
