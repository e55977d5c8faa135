using System.Collections.Concurrent;
using System.Text.Json;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using Tessera.Annotation;

namespace Tessera.Queue;

/// <summary>
/// Puts pictures into the queue and collects their lines. A line is acknowledged when it is on the disk, a picture is known by its key, and
/// what has its line already is neither sent nor written again: whatever is killed, each picture has one line in the end.
/// </summary>
/// <param name="queue">The server.</param>
/// <param name="job">What is asked.</param>
/// <param name="file">Where the lines go.</param>
/// <param name="outputPath">That file's full path, which the job is named by.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "A semaphore whose wait handle nobody asks for has nothing to free."
)]
public sealed class QueueCollector(QueueConnection queue, QueueJob job, AnnotationFile file, string outputPath)
{
    private const int Publishers = 32;
    private const int MostLines = 512;
    private static readonly TimeSpan FetchTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan NotYetPause = TimeSpan.FromSeconds(2);

    // The server may have lost what it said it had, as when its machine lost its power: what is still there is not taken twice.
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(60);
    private readonly string name = job.NameFor(outputPath);
    private readonly ConcurrentDictionary<PathKey, AnnotationItem> away = new();
    private readonly WorkerPictures pictures = new(queue);
    private readonly SemaphoreSlim window = new(job.Window);
    private INatsJSConsumer? consumer;
    private volatile bool allAreOut;
    private long lastLine = Environment.TickCount64;

    /// <summary>Told of each line.</summary>
    public event Action<AnnotationLine>? Collected;

    /// <summary>Sends the pictures and waits for all their lines.</summary>
    /// <exception cref="TesseraException">The server is away for too long, or the lines cannot be written.</exception>
    public async Task RunAsync(IAsyncEnumerable<AnnotationItem> items, CancellationToken cancellationToken)
    {
        byte[] document = JobDocument.Of(job.Request).ToJson();
        if (document.Length > queue.MaxPayload / 2)
            throw new TesseraException($"The question with its schema has {document.Length} bytes, more than the queue takes.");
        await queue.PersistAsync(stop => PublishAsync(QueueNames.Job(name), document, null, stop), cancellationToken).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task sending = SendAllAsync(items, stop.Token);
        try
        {
            while (!(sending.IsCompleted && away.IsEmpty))
            {
                if (sending.IsFaulted)
                    await sending.ConfigureAwait(false);
                await queue.PersistAsync(CollectAsync, stop.Token).ConfigureAwait(false);
                await SendAgainAsync(stop.Token).ConfigureAwait(false);
            }

            await sending.ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await CleanAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task SendAllAsync(IAsyncEnumerable<AnnotationItem> items, CancellationToken cancellationToken)
    {
        await Parallel
            .ForEachAsync(
                items,
                new ParallelOptions { MaxDegreeOfParallelism = Publishers, CancellationToken = cancellationToken },
                async (item, stop) =>
                {
                    var key = PathKey.Of(item.Path);
                    if (file.Has(key) || away.ContainsKey(key))
                        return;
                    await window.WaitAsync(stop).ConfigureAwait(false);
                    if (!away.TryAdd(key, item))
                        window.Release();
                    else
                        await SendAsync(key, item, stop).ConfigureAwait(false);
                }
            )
            .ConfigureAwait(false);
        allAreOut = true;
    }

    private async Task SendAsync(PathKey key, AnnotationItem item, CancellationToken cancellationToken)
    {
        string? stored = null;
        if (!job.SendsPictures && item.Location is null)
        {
            Write(key, AnnotationLine.Failed(item.Path, "It is no file that workers could open, so its bytes must be sent."));
            return;
        }

        if (job.SendsPictures)
        {
            stored = QueueNames.Picture(name, key);
            try
            {
                PromptImage picture = await item.OpenAsync(cancellationToken).ConfigureAwait(false);
                await pictures.PutAsync(stored, picture.Data, cancellationToken).ConfigureAwait(false);
            }
            catch (ImageException failure)
            {
                Write(key, AnnotationLine.Failed(item.Path, failure.Message));
                return;
            }
        }

        byte[] work = JsonSerializer.SerializeToUtf8Bytes(
            new WorkDocument(item.Path, job.SendsPictures ? null : item.Location, stored),
            QueueJson.Default.WorkDocument
        );
        await queue
            .PersistAsync(stop => PublishAsync(QueueNames.Work(name, key), work, sequence: 0, stop), cancellationToken)
            .ConfigureAwait(false);
    }

    private async Task SendAgainAsync(CancellationToken cancellationToken)
    {
        if (Environment.TickCount64 - Volatile.Read(ref lastLine) < Stall.TotalMilliseconds)
            return;
        Volatile.Write(ref lastLine, Environment.TickCount64);
        await Parallel
            .ForEachAsync(
                away,
                new ParallelOptions { MaxDegreeOfParallelism = Publishers, CancellationToken = cancellationToken },
                async (picture, stop) => await SendAsync(picture.Key, picture.Value, stop).ConfigureAwait(false)
            )
            .ConfigureAwait(false);
    }

    private async Task<INatsJSConsumer> OpenAsync(CancellationToken cancellationToken) =>
        await queue
            .JetStream.CreateOrUpdateConsumerAsync(
                QueueNames.ResultStream,
                new ConsumerConfig(QueueNames.Collector(name))
                {
                    FilterSubject = QueueNames.ResultsOf(name),
                    AckPolicy = ConsumerConfigAckPolicy.Explicit,
                    MaxAckPending = -1,
                },
                cancellationToken
            )
            .ConfigureAwait(false);

    private async Task<int> CollectAsync(CancellationToken cancellationToken)
    {
        try
        {
            consumer ??= await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await CollectAsync(consumer, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // The server may have lost it.
            consumer = null;
            throw;
        }
    }

    private async Task<int> CollectAsync(INatsJSConsumer from, CancellationToken cancellationToken)
    {
        var written = new List<(INatsJSMsg<byte[]> Message, PathKey Key)>();
        await foreach (
            INatsJSMsg<byte[]> message in from.FetchAsync<byte[]>(
                    new NatsJSFetchOpts { MaxMsgs = MostLines, Expires = FetchTime },
                    cancellationToken: cancellationToken
                )
                .ConfigureAwait(false)
        )
        {
            if (!QueueNames.TryParse(message.Subject, out _, out PathKey key))
                written.Add((message, default));
            else if (away.TryGetValue(key, out AnnotationItem? item))
                written.Add((message, Write(key, Read(item.Path, message.Data))));
            else if (file.Has(key) || allAreOut)
                written.Add((message, default));
            else
                await message.NakAsync(new AckOpts { NakDelay = NotYetPause }, cancellationToken).ConfigureAwait(false);
        }

        if (written.Count == 0)
            return 0;
        file.Flush();
        foreach ((INatsJSMsg<byte[]> message, PathKey key) in written)
        {
            await message.AckAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            if (job.SendsPictures && key != default)
                await pictures.RemoveAsync(QueueNames.Picture(name, key), cancellationToken).ConfigureAwait(false);
        }

        return written.Count;
    }

    // What a worker says is not trusted: the path is the one that was sent.
    private static AnnotationLine Read(string path, byte[]? data)
    {
        try
        {
            return AnnotationLine.FromJson(data) with { Path = path };
        }
        catch (JsonException failure)
        {
            return AnnotationLine.Failed(path, $"A worker's result cannot be read ({failure.Message.TrimEnd('.')}).");
        }
    }

    private PathKey Write(PathKey key, AnnotationLine line)
    {
        file.Append(line);
        if (away.TryRemove(key, out _))
            window.Release();
        Volatile.Write(ref lastLine, Environment.TickCount64);
        Collected?.Invoke(line);
        return key;
    }

    private async Task<int> PublishAsync(string subject, byte[] data, ulong? sequence, CancellationToken cancellationToken)
    {
        const int WrongSequence = 10071;
        PubAckResponse answer = await queue
            .JetStream.PublishAsync(
                subject,
                data,
                opts: new NatsJSPubOpts { ExpectedLastSubjectSequence = sequence },
                cancellationToken: cancellationToken
            )
            .ConfigureAwait(false);
        // It is in the queue already.
        if (answer.Error?.ErrCode != WrongSequence)
            answer.EnsureSuccess();
        return 0;
    }

    // What is left of a job are results that came twice.
    private async Task CleanAsync(CancellationToken cancellationToken)
    {
        try
        {
            NatsJSContext server = queue.JetStream;
            await server.DeleteConsumerAsync(QueueNames.ResultStream, QueueNames.Collector(name), cancellationToken).ConfigureAwait(false);
            foreach (
                (string stream, string subject) in ((string, string)[])
                    [
                        (QueueNames.JobStream, QueueNames.Job(name)),
                        (QueueNames.WorkStream, QueueNames.WorkOf(name)),
                        (QueueNames.ResultStream, QueueNames.ResultsOf(name)),
                    ]
            )
                await server.PurgeStreamAsync(stream, new StreamPurgeRequest { Filter = subject }, cancellationToken).ConfigureAwait(false);
        }
        catch (NatsException)
        {
            // It takes room and nothing else.
        }
    }
}
