using System.Threading.Channels;
using Tessera.Text;

namespace Tessera.Vision.Encoding;

/// <summary>
/// Makes embeddings of pictures, each of which is encoded once as long as the cache remembers it. While some are encoded, the next ones,
/// of the same answer or of others, are decoded and resized; all that are ready then go through the tower together.
/// </summary>
internal sealed class MediaEncoder(Projector projector, EmbeddingCache cache)
{
    // What is prepared ahead is held as floats, some 25 MB for a picture of ten slices.
    private const int PreparedAhead = 4;
    private readonly Lock gate = new();
    private readonly Dictionary<MediaKey, MediaJob> jobs = [];
    private readonly Channel<MediaJob> waiting = Channel.CreateUnbounded<MediaJob>();
    private readonly Channel<MediaJob> prepared = Channel.CreateBounded<MediaJob>(PreparedAhead);
    private bool isStarted;

    /// <summary>The embeddings of a prompt's pictures: from the cache where it has them.</summary>
    /// <param name="pictures">The pictures with their plans.</param>
    /// <param name="progress">Told the fraction of what must be encoded.</param>
    /// <param name="cancellationToken">Waits no longer; what nobody waits for stops within one node of the graph.</param>
    /// <param name="origin">Whose embeddings may be taken beside those that were made here.</param>
    public async Task<IReadOnlyList<MediaEmbeddings>> EncodeAsync(
        IReadOnlyList<PlannedMedia> pictures,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken,
        KeyOrigin origin = default
    )
    {
        MediaKey[] keys = [.. pictures.Select(KeyOf)];
        Dictionary<MediaKey, MediaEmbeddings> known = FindAll(keys, pictures, origin);
        int[] missing =
        [
            .. Enumerable.Range(0, keys.Length).Where(index => !known.ContainsKey(keys[index])).DistinctBy(index => keys[index]),
        ];
        if (missing.Length == 0)
            return [.. keys.Select(key => known[key])];

        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        EncodeProgress? whole = progress is null ? null : new EncodeProgress(progress, missing.Length);
        (MediaJob Job, IProgress<double>? Progress)[] own =
        [
            .. missing.Select((index, number) => Join(keys[index], pictures[index], whole?.Of(number))),
        ];
        try
        {
            // The first failure ends the wait for the others.
            await foreach (
                Task<MediaEmbeddings> done in Task.WhenEach(own.Select(static part => part.Job.Embeddings))
                    .WithCancellation(cancellationToken)
                    .ConfigureAwait(false)
            )
            {
                MediaEmbeddings made = await done.ConfigureAwait(false);
                known[made.Key] = made;
            }

            return [.. keys.Select(key => known[key])];
        }
        finally
        {
            foreach ((MediaJob job, IProgress<double>? part) in own)
                job.Leave(part);
        }
    }

    /// <summary>The embeddings of a prompt's pictures that are in the cache, to be saved.</summary>
    public IEnumerable<MediaEmbeddings> Cached(IReadOnlyList<PlannedMedia> pictures, KeyOrigin origin) =>
        FindAll([.. pictures.Select(KeyOf)], pictures, origin).Values;

    /// <summary>What the embeddings of a prompt's pictures are known by, and how many numbers they have.</summary>
    public IEnumerable<(MediaKey Key, int ValueCount)> Expected(IReadOnlyList<PlannedMedia> pictures) =>
        pictures.Select(picture => (KeyOf(picture), projector.ValueCount(picture.Plan))).Distinct();

    /// <summary>Puts saved embeddings into the cache.</summary>
    public void Remember(MediaKey key, float[] values) => cache.Add(key, values);

    private MediaKey KeyOf(PlannedMedia picture) => MediaKey.Of(picture.Media, projector.Fingerprint, picture.Plan);

    private Dictionary<MediaKey, MediaEmbeddings> FindAll(MediaKey[] keys, IReadOnlyList<PlannedMedia> pictures, KeyOrigin origin)
    {
        var found = new Dictionary<MediaKey, MediaEmbeddings>();
        for (int index = 0; index < keys.Length; index++)
            if (Find(keys[index], pictures[index], origin) is { } embeddings)
                found[keys[index]] = embeddings;
        return found;
    }

    private MediaEmbeddings? Find(MediaKey key, PlannedMedia picture, KeyOrigin origin)
    {
        int valueCount = projector.ValueCount(picture.Plan);
        ReadOnlyMemory<float>? brought = origin == default ? null : cache.Find(key with { Origin = origin }, valueCount);
        return (brought ?? cache.Find(key, valueCount)) is { } values ? new MediaEmbeddings(values, key) { IsCached = true } : null;
    }

    private (MediaJob Job, IProgress<double>? Progress) Join(MediaKey key, PlannedMedia picture, IProgress<double>? progress)
    {
        lock (gate)
        {
            if (jobs.TryGetValue(key, out MediaJob? running) && running.TryJoin(progress))
                return (running, progress);
            var job = new MediaJob(key, picture);
            job.TryJoin(progress);
            jobs[key] = job;
            if (!isStarted)
            {
                isStarted = true;
                _ = Task.Run(PrepareAllAsync);
                _ = Task.Run(EncodeAllAsync);
            }

            waiting.Writer.TryWrite(job);
            return (job, progress);
        }
    }

    private async Task PrepareAllAsync()
    {
        await foreach (MediaJob job in waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                // Another answer may have had it encoded since this one looked.
                if (Find(job.Key, job.Picture, default) is { } known)
                {
                    End(job, () => job.Succeed(known));
                    continue;
                }

                job.Prepared = projector.Prepare(job.Picture, job.Abandoned);
                await prepared.Writer.WriteAsync(job).ConfigureAwait(false);
            }
            catch (Exception failure)
            {
                End(job, () => job.Fail(failure));
            }
        }
    }

    private async Task EncodeAllAsync()
    {
        while (await prepared.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var batch = new List<MediaJob>();
            while (batch.Count <= PreparedAhead && prepared.Reader.TryRead(out MediaJob? job))
            {
                if (job.Abandoned.IsCancellationRequested)
                    End(job, () => job.Fail(new OperationCanceledException(job.Abandoned)));
                else
                    batch.Add(job);
            }

            if (batch.Count > 0)
                Encode(batch);
        }
    }

    // Stops when nobody waits for any of the pictures.
    private void Encode(List<MediaJob> batch)
    {
        using var stop = new CancellationTokenSource();
        int left = batch.Count;
        CancellationTokenRegistration[] registrations =
        [
            .. batch.Select(job =>
                job.Abandoned.Register(() =>
                {
                    if (Interlocked.Decrement(ref left) == 0)
                        stop.Cancel();
                })
            ),
        ];
        try
        {
            IReadOnlyList<ImageEncoding> encodings = projector.Encode(
                [.. batch.Select(static job => job.Prepared!)],
                new BatchProgress(batch),
                stop.Token
            );
            foreach ((MediaJob job, ImageEncoding encoding) in batch.Zip(encodings))
            {
                cache.Add(job.Key, encoding.Values);
                End(
                    job,
                    () =>
                        job.Succeed(
                            new MediaEmbeddings(encoding.Values, job.Key)
                            {
                                PreprocessMs = encoding.PreprocessMs,
                                EncodeMs = encoding.EncodeMs,
                            }
                        )
                );
            }
        }
        catch (Exception failure)
        {
            foreach (MediaJob job in batch)
                End(job, () => job.Fail(failure));
        }
        finally
        {
            foreach (CancellationTokenRegistration registration in registrations)
                registration.Dispose();
        }
    }

    private void End(MediaJob job, Action end)
    {
        lock (gate)
        {
            if (jobs.TryGetValue(job.Key, out MediaJob? current) && current == job)
                jobs.Remove(job.Key);
        }

        end();
    }

    private sealed class BatchProgress(List<MediaJob> batch) : IProgress<double>
    {
        public void Report(double value)
        {
            foreach (MediaJob job in batch)
                job.Report(value);
        }
    }
}
