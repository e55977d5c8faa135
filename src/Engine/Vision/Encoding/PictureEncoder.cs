using System.Threading.Channels;
using Tessera.Text;

namespace Tessera.Vision.Encoding;

/// <summary>
/// Makes embeddings of pictures, each of which is encoded once as long as the cache remembers it. While some are encoded, the next ones,
/// of the same answer or of others, are decoded and resized; all that are ready then go through the tower together.
/// </summary>
internal sealed class PictureEncoder(VisionModel vision, EmbeddingCache cache)
{
    // What is prepared ahead is held as floats, some 25 MB for a picture of ten slices.
    private const int PreparedAhead = 4;
    private readonly Lock gate = new();
    private readonly Dictionary<ImageKey, PictureJob> jobs = [];
    private readonly Channel<PictureJob> waiting = Channel.CreateUnbounded<PictureJob>();
    private readonly Channel<PictureJob> prepared = Channel.CreateBounded<PictureJob>(PreparedAhead);
    private bool isStarted;

    /// <summary>The embeddings of a prompt's pictures: from the cache where it has them.</summary>
    /// <param name="pictures">The pictures with their plans.</param>
    /// <param name="progress">Told the fraction of what must be encoded.</param>
    /// <param name="cancellationToken">Waits no longer; what nobody waits for stops within one node of the graph.</param>
    /// <param name="origin">Whose embeddings may be taken beside those that were made here.</param>
    public async Task<IReadOnlyList<ImageEmbeddings>> EncodeAsync(
        IReadOnlyList<PlannedPicture> pictures,
        IProgress<EngineProgress>? progress,
        CancellationToken cancellationToken,
        KeyOrigin origin = default
    )
    {
        ImageKey[] keys = [.. pictures.Select(KeyOf)];
        Dictionary<ImageKey, ImageEmbeddings> known = FindAll(keys, pictures, origin);
        int[] missing =
        [
            .. Enumerable.Range(0, keys.Length).Where(index => !known.ContainsKey(keys[index])).DistinctBy(index => keys[index]),
        ];
        if (missing.Length == 0)
            return [.. keys.Select(key => known[key])];

        progress?.Report(new EngineProgress(EngineStage.Encode, 0));
        EncodeProgress? whole = progress is null ? null : new EncodeProgress(progress, missing.Length);
        (PictureJob Job, IProgress<double>? Progress)[] own =
        [
            .. missing.Select((index, number) => Join(keys[index], pictures[index], whole?.Of(number))),
        ];
        try
        {
            // The first failure ends the wait for the others.
            await foreach (
                Task<ImageEmbeddings> done in Task.WhenEach(own.Select(static part => part.Job.Embeddings))
                    .WithCancellation(cancellationToken)
                    .ConfigureAwait(false)
            )
            {
                ImageEmbeddings made = await done.ConfigureAwait(false);
                known[made.Key] = made;
            }

            return [.. keys.Select(key => known[key])];
        }
        finally
        {
            foreach ((PictureJob job, IProgress<double>? part) in own)
                job.Leave(part);
        }
    }

    /// <summary>The embeddings of a prompt's pictures that are in the cache, to be saved.</summary>
    public IEnumerable<ImageEmbeddings> Cached(IReadOnlyList<PlannedPicture> pictures, KeyOrigin origin) =>
        FindAll([.. pictures.Select(KeyOf)], pictures, origin).Values;

    /// <summary>What the embeddings of a prompt's pictures are known by, and how many numbers they have.</summary>
    public IEnumerable<(ImageKey Key, int ValueCount)> Expected(IReadOnlyList<PlannedPicture> pictures) =>
        pictures.Select(picture => (KeyOf(picture), picture.Plan.ImageTokenCount * vision.EmbeddingWidth)).Distinct();

    /// <summary>Puts saved embeddings into the cache.</summary>
    public void Remember(ImageKey key, float[] values) => cache.Add(key, values);

    private ImageKey KeyOf(PlannedPicture picture) => ImageKey.Of(picture.Image, vision.Fingerprint, picture.Plan);

    private Dictionary<ImageKey, ImageEmbeddings> FindAll(ImageKey[] keys, IReadOnlyList<PlannedPicture> pictures, KeyOrigin origin)
    {
        var found = new Dictionary<ImageKey, ImageEmbeddings>();
        for (int index = 0; index < keys.Length; index++)
            if (Find(keys[index], pictures[index], origin) is { } embeddings)
                found[keys[index]] = embeddings;
        return found;
    }

    private ImageEmbeddings? Find(ImageKey key, PlannedPicture picture, KeyOrigin origin)
    {
        int valueCount = picture.Plan.ImageTokenCount * vision.EmbeddingWidth;
        ReadOnlyMemory<float>? brought = origin == default ? null : cache.Find(key with { Origin = origin }, valueCount);
        return (brought ?? cache.Find(key, valueCount)) is { } values ? new ImageEmbeddings(values, key) { IsCached = true } : null;
    }

    private (PictureJob Job, IProgress<double>? Progress) Join(ImageKey key, PlannedPicture picture, IProgress<double>? progress)
    {
        lock (gate)
        {
            if (jobs.TryGetValue(key, out PictureJob? running) && running.TryJoin(progress))
                return (running, progress);
            var job = new PictureJob(key, picture);
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
        await foreach (PictureJob job in waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                // Another answer may have had it encoded since this one looked.
                if (Find(job.Key, job.Picture, default) is { } known)
                {
                    End(job, () => job.Succeed(known));
                    continue;
                }

                job.Prepared = vision.Prepare(job.Picture.Image, job.Picture.Request, job.Abandoned);
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
            var batch = new List<PictureJob>();
            while (batch.Count <= PreparedAhead && prepared.Reader.TryRead(out PictureJob? job))
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
    private void Encode(List<PictureJob> batch)
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
            IReadOnlyList<ImageEncoding> encodings = vision.Encode(
                [.. batch.Select(static job => job.Prepared!)],
                new BatchProgress(batch),
                stop.Token
            );
            foreach ((PictureJob job, ImageEncoding encoding) in batch.Zip(encodings))
            {
                cache.Add(job.Key, encoding.Embeddings);
                End(
                    job,
                    () =>
                        job.Succeed(
                            new ImageEmbeddings(encoding.Embeddings, job.Key)
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
            foreach (PictureJob job in batch)
                End(job, () => job.Fail(failure));
        }
        finally
        {
            foreach (CancellationTokenRegistration registration in registrations)
                registration.Dispose();
        }
    }

    private void End(PictureJob job, Action end)
    {
        lock (gate)
        {
            if (jobs.TryGetValue(job.Key, out PictureJob? current) && current == job)
                jobs.Remove(job.Key);
        }

        end();
    }

    private sealed class BatchProgress(List<PictureJob> batch) : IProgress<double>
    {
        public void Report(double value)
        {
            foreach (PictureJob job in batch)
                job.Report(value);
        }
    }
}
